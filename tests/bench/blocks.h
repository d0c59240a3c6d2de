// Recombining text: the paragraphs of the corpus, and by which one each is replaced.
//
// A block is a run of lines of one quote depth, or a text between two HTML tags. It is known by its words, so that a quotation is
// the same block as what it quotes and is replaced by the same other block: replies go on repeating what they answer. Within one
// bucket (source, size, how often it occurs, charset) the replacement is a permutation, so a whole pass keeps every proportion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/bench/corpus.h"

namespace kopial::bench {

enum class TextKind : std::uint8_t { plain, html };

// One piece of a text: as it stands, and when it is a block its content (lines without their quote marks, joined by \n).
struct Piece {
  std::string_view raw;
  std::string_view prefix;  // quote marks of each line
  std::string content;
  std::uint64_t id = 0;  // 0: not a block
  std::string_view line_end;
};

std::vector<Piece> split_into_pieces(std::string_view text, TextKind kind);

class Blocks {
 public:
  Blocks(const Corpus& corpus, std::uint64_t seed);

  // The text with its blocks replaced, in the quote depth and with the line ends of the ones they replace.
  std::string recombine(std::string_view text, TextKind kind, unsigned epoch) const;
  std::size_t size() const { return blocks_.size(); }

 private:
  struct Block {
    std::string content;
    std::uint64_t bucket = 0;
    std::uint32_t place = 0;  // in the bucket
    std::uint32_t mails = 0;
  };
  struct Bucket {
    std::vector<std::uint32_t> blocks;
  };
  const Block* replacement(std::uint64_t id, unsigned epoch) const;

  std::uint64_t seed_;
  std::vector<Block> blocks_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_id_;
  std::unordered_map<std::uint64_t, Bucket> buckets_;
};

}  // namespace kopial::bench
