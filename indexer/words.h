// Words of a text as the index knows them: case and accents folded (Unicode NFKD and case folding, marks dropped).
//
// Text and queries go through the same function, so whatever it does, both sides agree. A word is a run of letters, digits and
// marks; everything else parts words, so "bob@example.org" is three words in a row. Scripts written without spaces
// (Han, Kana, Hangul, Thai …) give one word a character, which makes their words phrases.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kopial {

// A folded word longer than this is cut to it, in texts and queries alike. Xapian's own limit is 245 bytes.
inline constexpr std::size_t kWordBytesMax = 64;

struct Word {
  std::string folded;
  std::size_t begin = 0, end = 0;  // where it stands in the text, in bytes
};

// Walks a text word by word; the text must outlive it. Invalid UTF-8 parts words. For one thread at a time.
class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}
  // False at the end. `word.folded` is reused between calls.
  bool next(Word& word);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::vector<std::string> words_of(std::string_view text);
// The whole text folded in one piece, separators kept as they are: for names that are compared as a whole (folders).
std::string fold_text(std::string_view text);

}  // namespace kopial
