// RocksDB as this project uses it: opened one way, written one way, its statuses translated in one place.
//
// For the sources of storage/ only: it shows RocksDB's headers, which the public headers never do.
//
// Promises
//   durable    `write` returns after the batch is fsynced, all families or none;
//   honest     a full disk is disk_full, and writing goes on by itself when there is room again; any other failed write or
//              fsync ends writing until the store is opened anew, because nobody knows what the disk kept. Reads go on.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/result.h"
#include "storage/shared_budget.h"

namespace kopial {

struct Budget final : SharedBudget {
  explicit Budget(std::uint64_t memory_bytes);
  const std::uint64_t write_bytes;
  const std::shared_ptr<rocksdb::Cache> cache;
  const std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
  const std::shared_ptr<rocksdb::RateLimiter> rate_limiter;
};

// How a family is used, which decides its buffers, compression and where its values lie.
enum class FamilyKind {
  rows,   // small values, blocks compressed by RocksDB
  small,  // few or incompressible values
  blobs,  // values compressed by us, kept in blob files
};
struct FamilySpec {
  std::string name;  // the first one of a database is "default"
  FamilyKind kind;
};

struct DatabaseOptions {
  std::shared_ptr<SharedBudget> budget;  // null: a small one of its own
  rocksdb::Env* env = nullptr;           // null: the machine's
  // Writes are refused as disk_full before the file system is so full that compactions, which could free room, fail too.
  std::uint64_t reserve_bytes = 64 << 20;
  // Nothing is written, not even a log of its own; nothing may be written. For a store that no process has open.
  bool read_only = false;
};

Error to_error(const rocksdb::Status& status, std::string_view doing);
inline rocksdb::Slice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
inline BytesView view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }
// The first key that does not start with `prefix`. Precondition: `prefix` has a byte that is not 0xff.
Bytes after_prefix(Bytes prefix);

// The keys in [from, to) and their values, standing at the first one. For one thread at a time.
class Range {
 public:
  bool valid() const { return rows_->Valid(); }
  void next() { rows_->Next(); }
  BytesView key() const { return view(rows_->key()); }
  BytesView value() const { return view(rows_->value()); }
  Result<void> status() const;  // To be asked at the end: an I/O error ends the range early.

 private:
  friend class Database;
  struct Bound {  // RocksDB keeps a pointer to the slice, so it must stay where it is when the Range moves.
    Bytes bytes;
    rocksdb::Slice slice;
  };
  std::unique_ptr<Bound> bound_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

// Thread-safe. Blocks on disk.
class Database {
 public:
  // Opens or creates. Fails with conflict when another process has it, corrupt, disk_full, or invalid when it holds families
  // that are not in `families`: a newer version made it.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& folder, std::span<const FamilySpec> families,
                                                DatabaseOptions options);
  // One value of a store that is not open, and is not changed by this. nullopt when there is none.
  static Result<std::optional<Bytes>> peek(const std::filesystem::path& folder, const std::string& family, BytesView key);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<std::optional<Bytes>> get(std::size_t family, BytesView key) const;
  Result<bool> contains(std::size_t family, BytesView key) const;
  // One for each key, in their order.
  Result<std::vector<std::optional<Bytes>>> get_many(std::size_t family, std::span<const Bytes> keys) const;
  Range range(std::size_t family, Bytes from, Bytes to, const rocksdb::Snapshot* snapshot = nullptr) const;

  Result<void> write(rocksdb::WriteBatch& batch);
  Result<std::uint64_t> disk_bytes() const;
  // Rewrites all files, so that no overwritten or deleted value is in any of them. Fails as writing does.
  Result<void> compact();

  const std::filesystem::path& folder() const { return folder_; }
  // Held by whoever keeps files from being removed and by whoever wants them removed.
  std::mutex& maintenance() { return maintenance_; }
  rocksdb::DB& rocks() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(std::size_t index) const { return handles_[index]; }

 private:
  Database(std::filesystem::path folder, DatabaseOptions options);
  Result<void> refuse_when_unable(std::size_t batch_bytes);

  const std::filesystem::path folder_;
  const DatabaseOptions options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::atomic<bool> failed_ = false;  // A write or fsync failed: no more writing until the next open.
  std::atomic<bool> full_ = false;    // The disk refused for want of room; RocksDB must be resumed.
  std::mutex resume_;
  std::mutex maintenance_;
};

}  // namespace kopial
