// How to rebuild the raw bytes of a copy: its literal pieces, the parts between them, and how each part was encoded.
//
// A recipe as bytes:
//   varint  number of steps, then each step:
//     u8      kind: 0 literal, 1 leaf as it is, 2 leaf in base64, 3 leaf in quoted-printable, 4 part that is no leaf's body
//     varint  size: of the literal, or of the part's decoded bytes
//     32      the part's key                                     (kinds 1 to 4)
//     varint  characters in a line, u8 flags: 1 CRLF, 2 ended    (kind 2)
//     blob    the form, see transfer_form.h                      (kind 3)
//   the literals' bytes, one after the other, to the end
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/transfer_form.h"

namespace kopial {

using PartKey = Digest;  // HMAC-SHA256 of the decoded bytes, under a key of the tenant's

struct Step {
  enum class Kind : std::uint8_t { literal = 0, plain = 1, base64 = 2, quoted_printable = 3, stretch = 4 };
  Kind kind = Kind::literal;
  std::uint64_t size = 0;
  PartKey part;
  Base64Form base64;
  Bytes quoted_printable;
  bool operator==(const Step&) const = default;
};

struct Recipe {
  std::vector<Step> steps;
  Bytes literals;
  bool operator==(const Recipe&) const = default;
};

Bytes encode_recipe(const Recipe& recipe);
Result<Recipe> decode_recipe(BytesView bytes);

// Gives the decoded bytes of a part.
using PartSource = std::function<Result<Bytes>(const PartKey& key)>;

// Fails with corrupt when the pieces do not fit or the result is not `raw_bytes` long, and as `source` fails.
Result<Bytes> rebuild(const Recipe& recipe, std::uint64_t raw_bytes, const PartSource& source);

}  // namespace kopial
