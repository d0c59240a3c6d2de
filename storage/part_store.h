// How the decoded bytes of a part lie in the family "parts".
//
//   part key          -> a stored blob (blob_coder.h), or for a part of more than kChunkBytes its head:
//                        u8 version = 1, u8 form = 3, varint size of the part, varint size of a chunk
//                        or for a small one that came with others the name of its piece (pack_store.h):
//                        u8 version = 1, u8 form = 4, varint pack, varint place
//   part key, u32 n   -> chunk n of a large part, a stored blob of its own
//
// A range of a large part is read without touching the chunks before it. That a chunk is the n-th of this part is said by its key,
// and how many there are by the head: what guards keys and values guards the order and the end.
#pragma once

#include <rocksdb/write_batch_base.h>

#include <optional>
#include <vector>

#include "storage/blob_coder.h"
#include "storage/database.h"
#include "storage/pack_store.h"
#include "storage/recipe.h"

namespace kopial {

// As it will be written.
struct StoredPart {
  Bytes head;
  std::vector<Bytes> chunks;
  PieceName piece;
  std::size_t bytes() const;
};

inline constexpr std::uint64_t kChunkBytes = 1 << 20;

// A part that is read in pieces; holds one chunk. For one thread at a time.
class OpenPart {
 public:
  std::uint64_t size() const { return size_; }
  // Precondition: offset + size <= size(). Fails with corrupt.
  Result<Bytes> range(std::uint64_t offset, std::uint64_t size);

 private:
  friend class PartStore;
  OpenPart(const class PartStore& store, const PartKey& key) : store_(&store), key_(key) {}
  Result<void> load(std::uint64_t number);

  const PartStore* store_;
  PartKey key_;
  std::uint64_t size_ = 0, chunk_bytes_ = 0;  // chunk_bytes_ 0: all of it is in loaded_
  std::uint64_t number_ = ~std::uint64_t{0};
  Bytes loaded_;
};

// Thread-safe.
class PartStore {
 public:
  PartStore(const Database& database, const BlobCoder& coder, const PackStore& packs)
      : database_(database), coder_(coder), packs_(packs) {}

  // nullopt when the stored form does not give back `content`; each chunk is loaded again and compared.
  std::optional<StoredPart> make(BytesView content) const;
  static StoredPart make(const PieceName& piece);
  void put(rocksdb::WriteBatchBase& batch, const PartKey& key, const StoredPart& part) const;
  // All rows of a part. A piece is left to the caller, who must give `pieces` to PackStore::erase. Fails with corrupt when the part is
  // not there.
  Result<void> remove(rocksdb::WriteBatchBase& batch, const PartKey& key, PieceSet& pieces) const;
  // The piece that a part's row names; of any other row the piece 0.
  static PieceName piece_of(BytesView row);

  Result<Bytes> whole(const PartKey& key) const;
  Result<OpenPart> open(const PartKey& key) const;

 private:
  friend class OpenPart;
  Result<Bytes> chunk(const PartKey& key, std::uint64_t number, std::uint64_t size) const;

  const Database& database_;
  const BlobCoder& coder_;
  const PackStore& packs_;
};

}  // namespace kopial
