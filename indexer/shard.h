// One Xapian database of the index: a writer's lane. One thread writes, any number read.
//
// Documents stand in the order of their dates, newest first: a document's id is its date counted down from 2^32 in seconds, or the next free one after
// it. "Newest first" then needs no sorting, and the largest distance anybody was moved by tells how far a reader must look ahead to be exact.
#pragma once

#include <xapian.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "indexer/stems.h"
#include "storage/base/clock.h"
#include "storage/base/guarded.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace kopial {

// What a reader holds while it searches: the database as of one commit. For one thread at a time.
struct ShardView {
  Xapian::Database database;
  std::uint64_t epoch = 0;   // of the folder: another one means another database
  std::uint64_t commit = 0;
  std::uint32_t displacement_max = 0;
  std::set<ArchiveId> archives;  // that have a document here
};

class Shard {
 public:
  // Opens or creates. Mends what a crash during a compaction left. Fails with corrupt for a damaged database or one of another kind.
  static Result<std::unique_ptr<Shard>> open(const std::filesystem::path& path, const std::string& kind,
                                             const std::vector<std::string>& languages);

  // --- for the one writer
  // Adds, or replaces what stands for the serial.
  void put(Serial serial, Time date, Xapian::Document document);
  // The document of the serial; nullopt when it is not here.
  std::optional<Xapian::Document> find(Serial serial);
  void replace(Serial serial, const Xapian::Document& document);
  void remove(Serial serial);
  // Everything since the last commit, with the position it stands for, durable when it returns.
  Result<void> commit(Sequence position);
  Sequence position() const { return position_.load(); }
  // Rewrites the database without gaps and closes the writer: nothing is added any more, little is changed.
  Result<void> seal();
  // The same for a shard that goes on, and without the word forms that no document has any more.
  Result<void> compact();
  bool has_changes() const { return changes_ > 0; }

  // --- for readers; Thread-safe
  // A view as of the last commit or later. Throws Xapian::Error.
  std::unique_ptr<ShardView> view();
  void give_back(std::unique_ptr<ShardView> view);
  static void refresh(ShardView& view);
  const std::filesystem::path& path() const { return path_; }

 private:
  Shard(std::filesystem::path path, std::string kind, const std::vector<std::string>& languages)
      : path_(std::move(path)), kind_(std::move(kind)), forms_(languages) {}
  Result<void> open_writer();
  Xapian::WritableDatabase& writer();
  std::optional<Xapian::docid> find_id(Serial serial);
  Xapian::docid free_id(Time date);

  const std::filesystem::path path_;
  const std::string kind_;
  FormTable forms_;
  std::optional<Xapian::WritableDatabase> writer_;
  std::uint32_t displacement_max_ = 0;
  std::size_t changes_ = 0;
  std::atomic<Sequence> position_{};
  std::atomic<std::uint64_t> commits_{0}, epoch_{1};
  Guarded<std::vector<std::unique_ptr<ShardView>>> idle_;
};

// Lends a view and gives it back.
class ShardLease {
 public:
  explicit ShardLease(Shard& shard) : shard_(shard), view_(shard.view()) {}
  ~ShardLease() { shard_.give_back(std::move(view_)); }
  ShardLease(const ShardLease&) = delete;
  ShardLease& operator=(const ShardLease&) = delete;
  ShardView& operator*() { return *view_; }
  ShardView* operator->() { return view_.get(); }

 private:
  Shard& shard_;
  std::unique_ptr<ShardView> view_;
};

}  // namespace kopial
