// How small a set of mail can be kept without cleverness: each different decoded part once and each header block, as one Zstandard
// stream each (level 3). What a store takes is held against this. It has no names, no index, no placements, no seals, and nothing in
// it can be read without reading all before it.
#pragma once

#include <cstdint>
#include <memory>

#include "storage/base/bytes.h"

namespace kopial::bench {

struct BoundFigures {
  std::uint64_t messages = 0, raw_bytes = 0;
  std::uint64_t part_bytes = 0, unique_part_bytes = 0, header_bytes = 0;  // plain
  std::uint64_t parts_compressed = 0, headers_compressed = 0;
  // Of leaves that declare it: bytes of their bodies, and of those the store keeps decoded because they rebuild exactly.
  std::uint64_t base64_bytes = 0, base64_rebuilt = 0, quoted_bytes = 0, quoted_rebuilt = 0;
  std::uint64_t bound() const { return parts_compressed + headers_compressed; }
};

// For one thread at a time.
class Bound {
 public:
  Bound();
  ~Bound();
  void add(BytesView raw);
  BoundFigures finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kopial::bench
