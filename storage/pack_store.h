// Packs: small pieces (recipes, bodies) of messages that came together, compressed as one.
//
// A small piece alone compresses badly, even with a dictionary: a dozen together take a quarter less (README.md has the figures), and
// have one row, one seal and one salt between them. A pack is never larger than what is read in a moment, because reading one piece
// decodes all of it.
//
// The family "packs": u64 number -> a stored blob (blob_coder.h), whose plain bytes are
//   varint number of pieces, then for each its varint size, then the pieces, one after the other
//
// A piece is named by its pack's number and its place and has exactly one owner, a copy or a part. It keeps that name for good:
// erasing a piece writes its pack anew with an empty piece in its place, so that its bytes are in no live value any more and no other
// owner hears of it. A pack without bytes is removed.
#pragma once

#include <rocksdb/write_batch_base.h>

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "storage/blob_coder.h"
#include "storage/database.h"

namespace kopial {

struct PieceName {
  std::uint64_t pack = 0;  // counts from 1; 0: no piece
  std::uint64_t place = 0;
  bool operator==(const PieceName&) const = default;
};

// The decoded pieces of a pack. Immutable.
class Pack {
 public:
  static std::optional<Pack> parse(Bytes plain);
  std::size_t count() const { return ends_.size(); }
  BytesView piece(std::size_t place) const;  // precondition: place < count()

 private:
  Bytes plain_;
  std::vector<std::size_t> ends_;
  std::size_t begin_ = 0;
};

// A pack that is not yet written. Pieces may be taken out again until it is.
struct NewPack {
  std::uint64_t number = 0;
  BlobKind kind{};
  std::vector<Bytes> pieces;
  Bytes stored;
};

// Pieces to be emptied, collected so that each pack is written once.
using PieceSet = std::map<std::uint64_t, std::set<std::uint64_t>>;

inline constexpr std::size_t kPackBytesMax = 192 << 10;  // of all pieces; a larger one is no piece
inline constexpr std::size_t kPieceBytesMax = 96 << 10;

// Thread-safe.
class PackStore {
 public:
  PackStore(const Database& database, const BlobCoder& coder) : database_(database), coder_(coder) {}

  // Finds out which numbers are taken. To be called once, before anything else.
  Result<void> load();
  std::uint64_t next_number() { return ++last_number_; }

  // Compresses the pieces; false when that does not give them back.
  bool make(NewPack& pack) const;
  void put(rocksdb::WriteBatchBase& batch, const NewPack& pack) const;
  // `kind`: of what the pieces are. Fails with corrupt when one is not there.
  Result<void> erase(rocksdb::WriteBatchBase& batch, BlobKind kind, const PieceSet& pieces) const;

  Result<Bytes> piece(const PieceName& name) const;
  Result<std::shared_ptr<const Pack>> pack(std::uint64_t number) const;

 private:
  Result<std::shared_ptr<const Pack>> read(std::uint64_t number) const;

  const Database& database_;
  const BlobCoder& coder_;
  std::atomic<std::uint64_t> last_number_ = 0;
  // What was read lately: whoever reads one message usually reads its neighbours.
  static constexpr std::size_t kKept = 8;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::uint64_t, std::shared_ptr<const Pack>>> kept_;
};

}  // namespace kopial
