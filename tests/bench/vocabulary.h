// The words of the corpus: which are rare, how fast new ones appear, and minting new ones at that rate.
//
// A token that stands in one thread only is what new mail brings new ones of. One pass over the corpus ("epoch") keeps its words;
// each further pass renames as many of those tokens as Heaps' law, fitted to the corpus, asks for: ids and long numbers first, then
// words. A new token has the shape and the length of the one it replaces and is the same wherever that one stood.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/corpus.h"

namespace kopial::bench {

// Runs of ASCII letters, digits and bytes over 127: action(offset, token).
template <typename F>
void each_token(std::string_view text, const F& action) {
  const auto is_word = [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x80 || static_cast<unsigned>(u - '0') < 10 || static_cast<unsigned>((u | 0x20) - 'a') < 26;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (!is_word(text[at])) {
      ++at;
      continue;
    }
    const std::size_t start = at;
    while (at < text.size() && is_word(text[at])) ++at;
    action(start, text.substr(start, at - start));
  }
}

enum class TokenKind : std::uint8_t { plain, word, id };
TokenKind kind_of(std::string_view token);
std::uint64_t hash_token(std::string_view token);  // ASCII case does not count

class Vocabulary {
 public:
  Vocabulary(const Corpus& corpus, std::uint64_t seed);

  // Appends `text` with the tokens of `epoch`. The length stays the same.
  void rename(std::string_view text, unsigned epoch, std::string& out) const;
  // A Message-ID or a boundary: every letter and digit of `id` before its last @ is drawn anew, the same for the same id.
  std::string new_id(std::string_view id, unsigned epoch) const;

  double distinct() const { return distinct_; }
  double exponent() const { return exponent_; }  // beta of Heaps' law

 private:
  struct Share {
    double ids = 0, words = 0;
  };
  bool is_rare(std::uint64_t hash) const;
  Share share_of(unsigned epoch) const;
  void fit(const std::vector<std::uint32_t>& threads_of_tokens);

  std::uint64_t seed_;
  std::vector<std::uint64_t> rare_;  // open addressing, 0 is empty
  double distinct_ = 0, rare_ids_ = 0, rare_words_ = 0, exponent_ = 0;
  std::vector<Share> shares_;  // by epoch
};

// The parts of a message that are text to be renamed: header fields but Content-*, and texts in an ASCII-compatible charset.
bool is_renamed_field(std::string_view lower_name);
bool is_renamed_text(const Entity& leaf);

}  // namespace kopial::bench
