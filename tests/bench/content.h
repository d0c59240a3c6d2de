// Attachments: as many different ones as real mail has, of the same kind, size and compressibility.
#pragma once

#include "storage/base/bytes.h"
#include "tests/bench/vocabulary.h"

namespace kopial::bench {

// `content` in another edition, a function of its bytes and `edition`. Texts and the XML of office documents get new words; pictures
// and other compressed data get new random bytes behind their header. What can be read stays readable. Edition 0 is `content`.
Bytes new_edition(const Vocabulary& vocabulary, BytesView content, unsigned edition);

std::string base64_lines(BytesView bytes, std::string_view line_end);       // lines of 76
std::string quoted_printable(BytesView text, std::string_view line_end);    // `text` has any line ends; they become line_end

}  // namespace kopial::bench
