// The Merkle tree of RFC 9162 (the hashing of RFC 6962): hashes, the growing edge, proofs from tiles, and checking proofs.
//
// Tiles are those of C2SP tlog-tiles: tile N of level L holds up to 256 hashes, each of a complete subtree of 256^L leaves. The
// pure half of the evidence log: nothing here reads a disk by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace kopial {

inline constexpr std::uint64_t kTileWidth = 256;
inline constexpr unsigned kTileBits = 8;

Digest leaf_hash(BytesView leaf);                             // SHA-256(0x00, leaf)
Digest node_hash(const Digest& left, const Digest& right);    // SHA-256(0x01, left, right)
Digest empty_root();                                          // SHA-256 of nothing
// The root of a complete or incomplete subtree over these hashes, at least one.
Digest fold(std::span<const Digest> hashes);

struct Tile {
  unsigned level = 0;
  std::uint64_t index = 0;
  std::vector<Digest> hashes;  // 1 to 256
};

// What is needed to append: the root and every tile that is not yet full. Memory is logarithmic in the size. A value.
class TreeEdge {
 public:
  std::uint64_t size() const { return size_; }
  Digest root() const;
  // The hashes of the last tile of a level when it is not full; empty otherwise.
  std::span<const Digest> partial(unsigned level) const;

  // Appends a leaf. `changed` hears of the level-0 tile that became full, and of every tile above that grew.
  void append(const Digest& leaf, const std::function<void(const Tile&)>& changed);

  // An edge of `size` from its partial tiles, lowest level first. invalid when their widths do not fit the size.
  static Result<TreeEdge> restore(std::uint64_t size, std::vector<std::vector<Digest>> partial);

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> frontier_;               // the roots of the complete subtrees, largest first
  std::vector<std::vector<Digest>> partial_;   // by level
};

// Gives the first `width` hashes of a tile; more may be given.
using TileSource = std::function<Result<std::vector<Digest>>(unsigned level, std::uint64_t index, unsigned width)>;

// Proofs in the tree of the first `size` leaves. Reads a few tiles, each once. For one thread at a time.
class Prover {
 public:
  Prover(std::uint64_t size, TileSource source) : size_(size), source_(std::move(source)) {}

  Result<Digest> root() { return range(0, size_); }
  // RFC 9162, 2.1.3.1. Precondition: index < size.
  Result<std::vector<Digest>> inclusion(std::uint64_t index);
  // RFC 9162, 2.1.4.1: from the tree of the first `old_size` leaves. Precondition: 0 < old_size <= size.
  Result<std::vector<Digest>> consistency(std::uint64_t old_size);

 private:
  Result<Digest> range(std::uint64_t begin, std::uint64_t end);
  Result<Digest> node(unsigned bits, std::uint64_t index);
  Result<void> path(std::uint64_t index, std::uint64_t begin, std::uint64_t end, std::vector<Digest>& out);
  Result<void> subproof(std::uint64_t old_size, std::uint64_t begin, std::uint64_t end, bool whole, std::vector<Digest>& out);

  const std::uint64_t size_;
  const TileSource source_;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Digest>> tiles_;
};

// RFC 9162, 2.1.3.2.
bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, std::span<const Digest> proof, const Digest& root);
// RFC 9162, 2.1.4.2. The empty tree is consistent with every other.
bool verify_consistency(std::uint64_t old_size, std::uint64_t size, std::span<const Digest> proof, const Digest& old_root,
                        const Digest& root);

}  // namespace kopial
