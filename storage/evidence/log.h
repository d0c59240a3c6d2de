// The evidence log of one tenant as it lies in its store: tiles, entries, proofs.
//
// Rows:
//   family evidence   't' u8 level u64 tile -> u8 version = 1, hashes      level 0 only when full; above also growing ones
//   family changes    u64 sequence -> stored entry of a change             (entry.h); leaf indexes grow with the sequence
//   family events     u64 leaf     -> stored entry of anything else that is no audit event
//   family audit      u64 leaf     -> stored entry of an audit event
// Every leaf is in exactly one of the three. The size and the root stand in the state row, written with every batch. The hashes
// of the last up to 255 leaves have no tile yet: they are read from their entries when the store is opened.
#pragma once

#include <mutex>
#include <optional>

#include "storage/database.h"
#include "storage/evidence/entry.h"
#include "storage/evidence/merkle.h"
#include "storage/values.h"

namespace kopial {

Bytes tile_key(unsigned level, std::uint64_t index);
Bytes encode_tile(std::span<const Digest> hashes);
std::optional<std::vector<Digest>> decode_tile(BytesView row);
Bytes leaf_key(std::uint64_t leaf);

// Thread-safe. One writer appends: it takes the edge, grows it, and gives it back when its batch is durable.
class EvidenceLog {
 public:
  explicit EvidenceLog(const Database& database) : database_(database) {}

  // Tiles and entries that do not give the root of the state make a damaged log: everything else goes on. Fails as reading fails.
  Result<void> load(const State& state);
  // What `load` found wrong; "" when all is well. Nothing can be appended to a damaged log.
  std::string damage() const;
  TreeEdge edge() const;
  void advance(TreeEdge edge, std::uint64_t last_sequence);

  struct Head {
    std::uint64_t size = 0;
    Digest root;
  };
  Head head() const;

  // Of the tree of the first `size` leaves. invalid when there are not so many.
  Result<Digest> root_at(std::uint64_t size) const;
  Result<std::vector<Digest>> inclusion(std::uint64_t leaf, std::uint64_t size) const;
  Result<std::vector<Digest>> consistency(std::uint64_t old_size, std::uint64_t size) const;
  // The first `width` hashes of a tile; not_found when it does not have so many.
  Result<std::vector<Digest>> tile(unsigned level, std::uint64_t index, unsigned width) const;
  // nullopt behind the end.
  Result<std::optional<StoredEntry>> entry(std::uint64_t leaf) const;
  // The row of a change, decoded.
  Result<std::optional<StoredEntry>> change(Sequence sequence) const;

 private:
  Result<TreeEdge> restore(const State& state) const;
  Result<void> require(std::uint64_t size) const;
  Prover prover(std::uint64_t size) const;

  const Database& database_;
  mutable std::mutex mutex_;
  TreeEdge edge_;
  std::uint64_t last_sequence_ = 0;
  std::string damage_;
};

// The leaf hashes of [first, size) from their entries, in order.
Result<std::vector<Digest>> leaf_hashes(const Database& database, std::uint64_t first, std::uint64_t size, std::uint64_t last_sequence);

}  // namespace kopial
