#include "storage/evidence/merkle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "storage/crypto/digest.h"

namespace kopial {
namespace {

// The largest power of two below n. Precondition: n > 1.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

}  // namespace

Digest leaf_hash(BytesView leaf) {
  Bytes input(1, '\0');
  input += leaf;
  return sha256(input);
}

Digest node_hash(const Digest& left, const Digest& right) {
  std::array<char, 65> input;
  input[0] = 1;
  std::memcpy(input.data() + 1, left.bytes.data(), 32);
  std::memcpy(input.data() + 33, right.bytes.data(), 32);
  return sha256({input.data(), input.size()});
}

Digest empty_root() { return sha256(""); }

Digest fold(std::span<const Digest> hashes) {
  if (hashes.size() == 1) return hashes[0];
  const auto left = split_of(hashes.size());
  return node_hash(fold(hashes.first(left)), fold(hashes.subspan(left)));
}

// --- the edge

Digest TreeEdge::root() const {
  if (frontier_.empty()) return empty_root();
  Digest root = frontier_.back();
  for (auto i = frontier_.size() - 1; i > 0; --i) root = node_hash(frontier_[i - 1], root);
  return root;
}

std::span<const Digest> TreeEdge::partial(unsigned level) const {
  if (level >= partial_.size()) return {};
  return partial_[level];
}

void TreeEdge::append(const Digest& leaf, const std::function<void(const Tile&)>& changed) {
  const auto grow = [&](unsigned level, const Digest& hash) {
    if (level == partial_.size()) partial_.emplace_back();
    auto& hashes = partial_[level];
    hashes.push_back(hash);
    const bool full = hashes.size() == kTileWidth;
    if (full || level > 0) changed({level, (size_ >> (kTileBits * level)) >> kTileBits, hashes});
    if (full) hashes.clear();
  };
  frontier_.push_back(leaf);
  grow(0, leaf);
  unsigned bits = 0;
  for (auto rest = size_; (rest & 1) != 0; rest >>= 1) {
    const Digest right = frontier_.back();
    frontier_.pop_back();
    frontier_.back() = node_hash(frontier_.back(), right);
    if (++bits % kTileBits == 0) grow(bits / kTileBits, frontier_.back());
  }
  ++size_;
}

Result<TreeEdge> TreeEdge::restore(std::uint64_t size, std::vector<std::vector<Digest>> partial) {
  TreeEdge edge;
  edge.size_ = size;
  for (unsigned level = 0; level * kTileBits < 64; ++level) {
    const auto width = (size >> (kTileBits * level)) & (kTileWidth - 1);
    const auto given = level < partial.size() ? partial[level].size() : 0;
    if (width != given) return Error{ErrorCode::invalid, "the tiles at the edge of the tree do not fit its size"};
  }
  edge.partial_ = std::move(partial);
  for (int bit = 63; bit >= 0; --bit) {
    if ((size >> bit & 1) == 0) continue;
    const auto& tile = edge.partial_[static_cast<unsigned>(bit) / kTileBits];
    const auto within = static_cast<unsigned>(bit) % kTileBits;
    const auto first = (((size >> bit) - 1) << within) & (kTileWidth - 1);
    edge.frontier_.push_back(fold(std::span(tile).subspan(first, 1ull << within)));
  }
  return edge;
}

// --- proofs

Result<Digest> Prover::node(unsigned bits, std::uint64_t index) {
  const unsigned level = bits / kTileBits, within = bits % kTileBits;
  const std::uint64_t tile = index >> (kTileBits - within);
  const std::uint64_t first = (index << within) & (kTileWidth - 1);
  auto found = tiles_.find({level, tile});
  if (found == tiles_.end()) {
    const std::uint64_t complete = size_ >> (kTileBits * level);
    const auto width = static_cast<unsigned>(std::min(kTileWidth, complete - (tile << kTileBits)));
    auto hashes = source_(level, tile, width);
    if (!hashes) return hashes.error();
    if (hashes->size() < width) return Error{ErrorCode::corrupt, "a tile of the evidence log is too short"};
    found = tiles_.emplace(std::pair(level, tile), *std::move(hashes)).first;
  }
  return fold(std::span(found->second).subspan(first, 1ull << within));
}

Result<Digest> Prover::range(std::uint64_t begin, std::uint64_t end) {
  const auto count = end - begin;
  if (count == 0) return empty_root();
  if (std::has_single_bit(count)) {
    const auto bits = static_cast<unsigned>(std::countr_zero(count));
    return node(bits, begin >> bits);
  }
  const auto left = range(begin, begin + split_of(count));
  if (!left) return left;
  const auto right = range(begin + split_of(count), end);
  if (!right) return right;
  return node_hash(*left, *right);
}

Result<void> Prover::path(std::uint64_t index, std::uint64_t begin, std::uint64_t end, std::vector<Digest>& out) {
  if (end - begin == 1) return {};
  const auto middle = begin + split_of(end - begin);
  const bool left = index < middle;
  if (auto inner = left ? path(index, begin, middle, out) : path(index, middle, end, out); !inner) return inner;
  auto sibling = left ? range(middle, end) : range(begin, middle);
  if (!sibling) return sibling.error();
  out.push_back(*sibling);
  return {};
}

Result<std::vector<Digest>> Prover::inclusion(std::uint64_t index) {
  std::vector<Digest> out;
  if (auto done = path(index, 0, size_, out); !done) return done.error();
  return out;
}

Result<void> Prover::subproof(std::uint64_t old_size, std::uint64_t begin, std::uint64_t end, bool whole,
                              std::vector<Digest>& out) {
  if (old_size == end) {
    if (whole) return {};  // The verifier knows this root: it is the old one.
    auto hash = range(begin, end);
    if (!hash) return hash.error();
    out.push_back(*hash);
    return {};
  }
  const auto middle = begin + split_of(end - begin);
  const bool left = old_size <= middle;
  if (auto inner = left ? subproof(old_size, begin, middle, whole, out) : subproof(old_size, middle, end, false, out); !inner) {
    return inner;
  }
  auto sibling = left ? range(middle, end) : range(begin, middle);
  if (!sibling) return sibling.error();
  out.push_back(*sibling);
  return {};
}

Result<std::vector<Digest>> Prover::consistency(std::uint64_t old_size) {
  std::vector<Digest> out;
  if (auto done = subproof(old_size, 0, size_, true, out); !done) return done.error();
  return out;
}

bool verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size, std::span<const Digest> proof,
                      const Digest& root) {
  if (index >= size) return false;
  std::uint64_t fn = index, sn = size - 1;
  Digest hash = leaf;
  for (const auto& sibling : proof) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      hash = node_hash(sibling, hash);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && hash == root;
}

bool verify_consistency(std::uint64_t old_size, std::uint64_t size, std::span<const Digest> proof, const Digest& old_root,
                        const Digest& root) {
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == empty_root();
  if (proof.empty()) return false;
  std::vector<Digest> nodes(proof.begin(), proof.end());
  if (std::has_single_bit(old_size)) nodes.insert(nodes.begin(), old_root);
  std::uint64_t fn = old_size - 1, sn = size - 1;
  while ((fn & 1) != 0) {
    fn >>= 1;
    sn >>= 1;
  }
  Digest fr = nodes[0], sr = nodes[0];
  for (const auto& sibling : std::span(nodes).subspan(1)) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = node_hash(sibling, fr);
      sr = node_hash(sibling, sr);
      while ((fn & 1) == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = node_hash(sr, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && fr == old_root && sr == root;
}

}  // namespace kopial
