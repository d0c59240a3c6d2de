#include "storage/database.h"

#include <fmt/format.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

namespace kopial {
namespace {

constexpr std::uint64_t kOwnBudgetBytes = 64 << 20;

// RocksDB's own log, which a store that is only read must not get.
class Silent final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::ColumnFamilyOptions family_options(FamilyKind kind, const Budget& budget) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = budget.cache;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.block_size = 16 << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.optimize_filters_for_memory = true;
  // Index and filter blocks count against the budget like all others; many idle tenants must not pin memory.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kNoCompression;
  options.max_write_buffer_number = 3;
  const auto share = [&](std::uint64_t divisor, std::uint64_t least, std::uint64_t most) {
    return std::clamp<std::uint64_t>(budget.write_bytes / divisor, least, most);
  };
  options.write_buffer_size = share(16, 1 << 20, 16 << 20);
  switch (kind) {
    case FamilyKind::small: break;
    case FamilyKind::rows:
      options.compression = rocksdb::kZSTD;
      options.compression_opts.level = 3;
      break;
    case FamilyKind::blobs:
      // Each flush makes one blob file, and nothing but garbage collection merges them: so large buffers.
      options.write_buffer_size = share(4, 4 << 20, 64 << 20);
      options.enable_blob_files = true;
      options.min_blob_size = 512;
      options.blob_file_size = 256 << 20;
      options.blob_compression_type = rocksdb::kNoCompression;
      options.enable_blob_garbage_collection = true;
      break;
  }
  return options;
}

rocksdb::DBOptions database_options(const DatabaseOptions& options, const Budget& budget) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  // A checksum of each whole file, kept in the manifest: what a scrub and a backup compare with.
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.max_background_jobs = 2;
  db.track_and_verify_wals_in_manifest = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.bytes_per_sync = 1 << 20;
  db.wal_bytes_per_sync = 1 << 20;
  // What a start after a crash has to read again, at most; a small family that is seldom written would otherwise keep every log alive.
  // Small messages are read back at some 30 MiB a second, and a start is to take less than five.
  db.max_total_wal_size = 64 << 20;
  db.write_buffer_manager = budget.write_buffers;
  db.rate_limiter = budget.rate_limiter;
  db.max_open_files = 256;  // Per tenant, and a server has hundreds.
  db.max_file_opening_threads = 2;
  db.skip_stats_update_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.keep_log_file_num = 3;
  db.max_log_file_size = 1 << 20;
  return db;
}

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view doing) {
  ErrorCode code = ErrorCode::internal;
  if (status.IsNoSpace()) {
    code = ErrorCode::disk_full;
  } else if (status.IsCorruption()) {
    code = ErrorCode::corrupt;
  } else if (status.IsIOError() || status.IsBusy() || status.IsTryAgain() || status.IsTimedOut() || status.IsIncomplete() ||
             status.IsShutdownInProgress() || status.IsAborted()) {
    code = ErrorCode::unavailable;
  } else if (status.IsNotFound()) {
    code = ErrorCode::not_found;
  } else if (status.IsInvalidArgument() || status.IsNotSupported()) {
    code = ErrorCode::invalid;
  }
  return Error{code, fmt::format("{}: {}", doing, status.ToString())};
}

Bytes after_prefix(Bytes prefix) {
  while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

Result<void> Range::status() const {
  if (!rows_->status().ok()) return to_error(rows_->status(), "reading the store");
  return {};
}

Database::Database(std::filesystem::path folder, DatabaseOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {}

Database::~Database() {
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  if (db_) db_->Close().PermitUncheckedError();  // Every acknowledged write is in the synced log already.
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& folder, std::span<const FamilySpec> families,
                                                 DatabaseOptions options) {
  std::error_code error;
  if (options.read_only) {
    if (!std::filesystem::exists(folder / "CURRENT", error)) {
      return Error{ErrorCode::not_found, fmt::format("there is no store in {}", folder.string())};
    }
    // RocksDB takes no lock for reading; what somebody writes meanwhile would look like damage.
    auto* const env = options.env != nullptr ? options.env : rocksdb::Env::Default();
    rocksdb::FileLock* held = nullptr;
    if (std::filesystem::exists(folder / "LOCK", error)) {
      if (!env->LockFile((folder / "LOCK").string(), &held).ok()) {
        return Error{ErrorCode::conflict, fmt::format("the store in {} is in use by another process", folder.string())};
      }
      env->UnlockFile(held).PermitUncheckedError();
    }
  } else {
    std::filesystem::create_directories(folder, error);
  }
  if (error) return Error{ErrorCode::unavailable, fmt::format("making the folder {}: {}", folder.string(), error.message())};
  if (!options.read_only) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);

  if (!options.budget) options.budget = SharedBudget::make(kOwnBudgetBytes);
  const auto& budget = static_cast<const Budget&>(*options.budget);
  rocksdb::DBOptions db_options = database_options(options, budget);
  if (options.read_only) {
    db_options.create_if_missing = db_options.create_missing_column_families = false;
    db_options.info_log = std::make_shared<Silent>();
  }

  std::set<std::string> known;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const auto& spec : families) {
    known.insert(spec.name);
    descriptors.emplace_back(spec.name, family_options(spec.kind, budget));
  }
  std::vector<std::string> present;
  if (rocksdb::DB::ListColumnFamilies(db_options, folder.string(), &present).ok()) {  // Not ok: there is no store yet.
    for (const auto& name : present) {
      if (known.contains(name)) continue;
      return Error{ErrorCode::invalid, fmt::format("the store in {} was made by a newer version (it has a family \"{}\")",
                                                   folder.string(), name)};
    }
    for (const auto& name : known) {
      if (!options.read_only || std::find(present.begin(), present.end(), name) != present.end()) continue;
      return Error{ErrorCode::invalid, fmt::format("the store in {} was last written by an older version (it has no family \"{}\"): open it with this one once",
                                                   folder.string(), name)};
    }
  }

  const bool read_only = options.read_only;
  std::unique_ptr<Database> database(new Database(folder, std::move(options)));
  rocksdb::DB* db = nullptr;
  const auto status = read_only ? rocksdb::DB::OpenForReadOnly(db_options, folder.string(), descriptors, &database->handles_, &db)
                                : rocksdb::DB::Open(db_options, folder.string(), descriptors, &database->handles_, &db);
  if (!status.ok()) {
    // RocksDB has no code of its own for a lock that somebody else holds.
    const auto text = status.ToString();
    if (status.IsIOError() && (text.find("lock hold by") != text.npos || text.find("While lock file") != text.npos)) {
      return Error{ErrorCode::conflict, fmt::format("the store in {} is in use by another process", folder.string())};
    }
    return to_error(status, fmt::format("opening the store in {}", folder.string()));
  }
  database->db_.reset(db);
  return database;
}

Result<std::optional<Bytes>> Database::peek(const std::filesystem::path& folder, const std::string& family, BytesView key) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors{{rocksdb::kDefaultColumnFamilyName, {}}};
  if (family != rocksdb::kDefaultColumnFamilyName) descriptors.emplace_back(family, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  rocksdb::DBOptions options;
  options.info_log_level = rocksdb::FATAL_LEVEL;
  // As when it was written: without it RocksDB wants to strike the logs from a manifest that names them, which a reader cannot, and
  // Debian's build ends the process over that.
  options.track_and_verify_wals_in_manifest = true;
  const auto status = rocksdb::DB::OpenForReadOnly(options, folder.string(), descriptors, &handles, &opened);
  if (!status.ok()) return to_error(status, fmt::format("opening the store in {} to read", folder.string()));
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::optional<Bytes> value(std::in_place);
  const auto got = db->Get(rocksdb::ReadOptions(), handles.back(), slice(key), &*value);
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  if (got.IsNotFound()) return std::optional<Bytes>();
  if (!got.ok()) return to_error(got, fmt::format("reading the store in {}", folder.string()));
  return value;
}

Result<std::optional<Bytes>> Database::get(std::size_t family, BytesView key) const {
  std::optional<Bytes> value(std::in_place);
  const auto status = db_->Get(rocksdb::ReadOptions(), handles_[family], slice(key), &*value);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return to_error(status, "reading the store");
  return value;
}

Result<bool> Database::contains(std::size_t family, BytesView key) const {
  rocksdb::PinnableSlice value;
  const auto status = db_->Get(rocksdb::ReadOptions(), handles_[family], slice(key), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return to_error(status, "reading the store");
  return true;
}

Result<std::vector<std::optional<Bytes>>> Database::get_many(std::size_t family, std::span<const Bytes> keys) const {
  std::vector<rocksdb::Slice> slices(keys.size());
  std::transform(keys.begin(), keys.end(), slices.begin(), [](const Bytes& key) { return slice(key); });
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(rocksdb::ReadOptions(), handles_[family], keys.size(), slices.data(), values.data(), statuses.data());
  std::vector<std::optional<Bytes>> found(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return to_error(statuses[i], "reading the store");
    found[i] = values[i].ToString();
  }
  return found;
}

Range Database::range(std::size_t family, Bytes from, Bytes to, const rocksdb::Snapshot* snapshot) const {
  Range range;
  range.bound_ = std::make_unique<Range::Bound>();
  range.bound_->bytes = std::move(to);
  range.bound_->slice = slice(range.bound_->bytes);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  if (!range.bound_->bytes.empty()) options.iterate_upper_bound = &range.bound_->slice;
  range.rows_.reset(db_->NewIterator(options, handles_[family]));
  range.rows_->Seek(slice(from));
  return range;
}

Result<void> Database::refuse_when_unable(std::size_t batch_bytes) {
  if (failed_) {
    return Error{ErrorCode::unavailable, "the store takes no more writes since one failed; it must be opened anew"};
  }
  std::uint64_t free_bytes = 0;
  if (db_->GetEnv()->GetFreeSpace(folder_.string(), &free_bytes).ok() && free_bytes < options_.reserve_bytes + 2 * batch_bytes) {
    return Error{ErrorCode::disk_full, fmt::format("only {} bytes are free in {}", free_bytes, folder_.string())};
  }
  if (!full_) return {};
  // Resuming flushes all write buffers and begins a new log, so nothing depends on the file that could not be written.
  const std::lock_guard lock(resume_);
  if (!full_) return {};
  if (const auto status = db_->Resume(); !status.ok()) return to_error(status, "resuming after the disk was full");
  full_ = false;
  spdlog::info("store {}: there is room on the disk again, writing goes on", folder_.string());
  return {};
}

Result<void> Database::write(rocksdb::WriteBatch& batch) {
  if (auto able = refuse_when_unable(batch.GetDataSize()); !able) return able;
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = db_->Write(options, &batch);
  if (status.ok()) return {};
  if (status.IsNoSpace()) {
    full_ = true;
  } else if (!failed_.exchange(true)) {
    spdlog::error("store {}: a write failed, no more are taken until it is opened anew: {}", folder_.string(),
                  status.ToString());
  }
  auto error = to_error(status, "writing the store");
  if (error.code != ErrorCode::disk_full) error.code = ErrorCode::unavailable;
  return error;
}

// Three places keep what was deleted: the log, until its memory tables are flushed; SST files, until a compaction down to the last
// level; blob files, until garbage collection looks at files of any age.
Result<void> Database::compact() {
  const std::lock_guard lock(maintenance_);
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  if (const auto status = db_->Flush(flush, handles_); !status.ok()) return to_error(status, "flushing the store");
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = 1.0;
  for (auto* handle : handles_) {
    if (const auto status = db_->CompactRange(options, handle, nullptr, nullptr); !status.ok()) {
      return to_error(status, fmt::format("compacting {}", handle->GetName()));
    }
  }
  // Files nobody needs any more go in the background; this way they are gone when we return.
  if (const auto status = db_->DisableFileDeletions(); !status.ok()) return to_error(status, "removing replaced files");
  if (const auto status = db_->EnableFileDeletions(/*force=*/false); !status.ok()) return to_error(status, "removing replaced files");
  return {};
}

Result<std::uint64_t> Database::disk_bytes() const {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;  // RocksDB removes files at any time.
    const auto size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  if (error) return Error{ErrorCode::unavailable, fmt::format("listing {}: {}", folder_.string(), error.message())};
  return bytes;
}

}  // namespace kopial
