// Taking a message apart: large leaves become parts that are stored once, everything else stays literal.
#pragma once

#include <vector>

#include "storage/base/bytes.h"
#include "storage/mail/structure.h"
#include "storage/recipe.h"

namespace kopial {

// A part of a message: its bytes are views of the message unless they had to be decoded.
struct SplitPart {
  bool decoded = false;
  Bytes owned;
  BytesView seen;
  BytesView content() const { return decoded ? BytesView(owned) : seen; }
};

struct Split {
  Recipe recipe;                 // the keys of its parts are not yet set
  std::vector<SplitPart> parts;  // one for each step that is no literal, in their order; valid while `raw` is
};

// Smaller leaves cost more as parts (a key of 32 bytes in the recipe, a row, a blob) than the repetition they save.
inline constexpr std::size_t kPartBytesMin = 2048;
// Longer stretches that belong to no leaf (a huge preamble, an opaque multipart) become parts, so that recipes stay small.
inline constexpr std::size_t kLiteralBytesMax = 32 << 10;

// Quoted-printable can only be put back from the beginning. What is longer stays encoded, so that it can be read in pieces.
inline constexpr std::size_t kQuotedPrintableBytesMax = 2 << 20;

Split split(BytesView raw, const Structure& structure);
// The message as one part: the form that always rebuilds.
Split split_whole(BytesView raw);

}  // namespace kopial
