#include "storage/backup_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/file_copy.h"

namespace kopial {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPool = "files";

Error file_error(std::string_view doing, const fs::path& path, const std::error_code& error) {
  return Error{error == std::errc::no_space_on_device ? ErrorCode::disk_full : ErrorCode::unavailable,
               fmt::format("{} {}: {}", doing, path.string(), error.message())};
}

// Numbers are given anew after a restore, so the checksum and the size belong to the name.
std::string pool_name(const LiveFile& file) {
  const auto dot = file.name.rfind('.');
  return fmt::format("{}/{}-{}-{}{}", kPool, file.name.substr(0, dot), hex_encode(file.checksum), file.size, dot == std::string::npos ? "" : file.name.substr(dot));
}

class Writer {
 public:
  Writer(Database& database, fs::path tenant_folder, const Secret& key, Clock& clock, const BackupOptions& options)
      : database_(database),
        tenant_folder_(std::move(tenant_folder)),
        key_(key),
        clock_(clock),
        options_(options),
        pace_(options.bytes_per_second, clock) {}

  Result<BackupRecord> run() {
    // One backup at a time, and no compaction that would find its files kept.
    const std::lock_guard lock(database_.maintenance());
    if (auto made = prepare_folder(); !made) return made.error();
    auto held = HeldFiles::hold(database_);
    if (!held) return held.error();
    if (auto copied = copy(held->files()); !copied) return copied.error();
    if (auto counted = count(); !counted) return counted.error();
    if (auto written = finish(); !written) return written.error();
    if (auto pruned = prune(); !pruned) return pruned.error();
    return manifest_.record;
  }

 private:
  Result<void> prepare_folder() {
    std::error_code bad;
    fs::create_directories(options_.folder / kPool, bad);
    if (bad) return file_error("making the folder", options_.folder / kPool, bad);
    auto& record = manifest_.record;
    record.taken_at = clock_.now();
    record.id = backup_id(record.taken_at);
    for (int again = 2; fs::exists(options_.folder / record.id, bad); ++again) record.id = fmt::format("{}-{:03}", backup_id(record.taken_at), again);
    record.checkpoint = options_.checkpoint;
    record.attachment = options_.attachment;
    // What an interrupted backup left: half a folder, and halves of files under names of their own.
    for (fs::directory_iterator entry(options_.folder, bad), end; !bad && entry != end; entry.increment(bad)) {
      if (entry->path().extension() == ".part") fs::remove_all(entry->path(), bad);
    }
    if (!bad) {
      for (fs::directory_iterator entry(options_.folder / kPool, bad), end; !bad && entry != end; entry.increment(bad)) {
        if (entry->path().extension() == ".part") fs::remove(entry->path(), bad);
      }
    }
    if (bad) return file_error("clearing", options_.folder, bad);
    part_ = options_.folder / (record.id + ".part");
    fs::create_directory(part_, bad);
    if (bad) return file_error("making the folder", part_, bad);
    return know_pool();
  }

  // Only what a complete backup names is known to be whole.
  Result<void> know_pool() {
    auto ids = backup_ids(options_.folder);
    if (!ids) return ids.error();
    for (const auto& id : *ids) {
      auto manifest = read_manifest(options_.folder, id, key_);
      if (!manifest) continue;
      for (const auto& file : manifest->files) pool_[file.stored] = file;
    }
    return {};
  }

  Result<void> copy(const std::vector<LiveFile>& files) {
    for (const auto& file : files) {
      if (!is_pooled(file)) progress_.bytes_total += file.size;
    }
    tell(0);
    for (const auto& file : files) {
      if (auto kept = file.immutable ? pooled(file) : own(file); !kept) return kept;
    }
    if (auto synced = sync_folder(options_.folder / kPool); !synced) return synced;
    return sync_folder(part_);
  }

  bool is_pooled(const LiveFile& file) const {
    if (!file.immutable || file.checksum.empty()) return false;
    const auto found = pool_.find(pool_name(file));
    std::error_code none;
    return found != pool_.end() && fs::file_size(options_.folder / found->second.stored, none) == found->second.size && !none;
  }

  Result<void> pooled(const LiveFile& file) {
    if (is_pooled(file)) {
      auto known = pool_.at(pool_name(file));
      known.name = file.name;
      manifest_.files.push_back(std::move(known));
      return {};
    }
    if (file.checksum.empty()) return own(file);  // Made before checksums were kept: nothing says that it is the file of another backup.
    const auto stored = options_.folder / pool_name(file);
    auto part = stored;
    part += ".part";
    auto digest = copy_file({database_.folder() / file.name, part, file.size}, pace_, options_.stop, [this](auto bytes) { tell(bytes); });
    if (auto done = note(file, pool_name(file), digest); !done) return done;
    std::error_code bad;
    fs::rename(part, stored, bad);
    if (bad) return file_error("renaming", part, bad);
    return {};
  }

  Result<void> own(const LiveFile& file) {
    const auto target = part_ / file.name;
    const auto stored = manifest_.record.id + "/" + file.name;
    if (file.replacement.empty()) {
      auto digest = copy_file({database_.folder() / file.name, target, file.size}, pace_, options_.stop, [this](auto bytes) { tell(bytes); });
      return note(file, stored, digest);
    }
    if (auto written = write_file_durably(target, file.replacement); !written) return written;
    return note(file, stored, std::optional(sha256(file.replacement)));
  }

  Result<void> note(const LiveFile& file, const std::string& stored, const Result<std::optional<Digest>>& digest) {
    if (!digest) return digest.error();
    if (!*digest) return Error{ErrorCode::cancelled, "the backup was stopped; the next one goes on from what it has copied"};
    manifest_.files.push_back({file.name, stored, file.size, **digest});
    ++manifest_.record.new_files;
    manifest_.record.new_bytes += file.size;
    return {};
  }

  // From what was copied, not from what the store is by now: a backup says what it has.
  Result<void> count() {
    auto state = read_state();
    if (!state) return state.error();
    auto& record = manifest_.record;
    record.messages = state->messages;
    record.copies = state->copies;
    record.placements = state->placements;
    record.raw_bytes = state->raw_bytes;
    record.last_message = Serial{state->last_serial};
    record.last_change = Sequence{state->last_sequence};
    return {};
  }

  // Opens the copy read-only, through links in a folder of its own: that it opens at all is the first proof of a backup.
  Result<State> read_state() {
    const auto look = fs::path(part_.string() + ".look.part");
    std::error_code bad;
    fs::create_directory(look, bad);
    for (const auto& file : manifest_.files) {
      if (bad) break;
      const auto own_prefix = manifest_.record.id + "/";
      const auto at = file.stored.starts_with(own_prefix) ? part_ / file.name : options_.folder / file.stored;
      fs::create_symlink(fs::absolute(at), look / file.name, bad);
    }
    if (bad) return file_error("looking at the backup", look, bad);
    auto state = state_in(look);
    fs::remove_all(look, bad);
    return state;
  }

  static Result<State> state_in(const fs::path& folder) {
    auto value = Database::peek(folder, tenant_families()[kMeta].name, kStateKey);
    if (!value) return value.error().with_context("opening the backup that was just written");
    if (!*value) return State{};
    const auto state = decode_state(**value);
    if (!state) return Error{ErrorCode::corrupt, "the state of the backed up store cannot be read"};
    return *state;
  }

  Result<void> finish() {
    if (auto copied = update_backup_journal(tenant_folder_, options_.folder); !copied) return copied;
    auto& record = manifest_.record;
    record.files = manifest_.files.size();
    record.bytes = 0;
    for (const auto& file : manifest_.files) record.bytes += file.size;
    if (auto written = write_file_durably(part_ / "manifest", encode_manifest(manifest_, key_)); !written) return written;
    std::error_code bad;
    fs::rename(part_, options_.folder / record.id, bad);
    if (bad) return file_error("renaming", part_, bad);
    return sync_folder(options_.folder);
  }

  // Old backups go whole; a file of the pool when no backup names it any more.
  Result<void> prune() {
    auto ids = backup_ids(options_.folder);
    if (!ids) return ids.error();
    std::error_code bad;
    if (options_.keep > 0 && ids->size() > options_.keep) {
      const auto gone = static_cast<std::ptrdiff_t>(ids->size() - options_.keep);
      for (auto id = ids->begin(); id != ids->begin() + gone; ++id) {
        // The manifest first: a folder that is half removed must not count.
        fs::remove(options_.folder / *id / "manifest", bad);
        if (!bad) fs::remove_all(options_.folder / *id, bad);
        if (bad) return file_error("removing", options_.folder / *id, bad);
      }
      ids->erase(ids->begin(), ids->begin() + gone);
    }
    std::set<std::string> named;
    for (const auto& id : *ids) {
      auto manifest = read_manifest(options_.folder, id, key_);
      if (!manifest) return {};  // A backup nobody can read may still name anything: nothing is removed.
      for (const auto& file : manifest->files) named.insert(file.stored);
    }
    for (fs::directory_iterator entry(options_.folder / kPool, bad), end; !bad && entry != end; entry.increment(bad)) {
      const auto stored = fmt::format("{}/{}", kPool, entry->path().filename().string());
      std::error_code none;
      if (!named.contains(stored)) fs::remove(entry->path(), none);
    }
    return {};
  }

  void tell(std::uint64_t bytes) {
    progress_.bytes += bytes;
    if (options_.progress) options_.progress(progress_);
  }

  Database& database_;
  const fs::path tenant_folder_;
  const Secret key_;
  Clock& clock_;
  const BackupOptions& options_;
  Pace pace_;
  BackupProgress progress_;
  BackupManifest manifest_;
  fs::path part_;
  std::map<std::string, BackupFile> pool_;
};

}  // namespace

Result<BackupRecord> write_backup(Database& database, const fs::path& tenant_folder, const Secret& key, Clock& clock,
                                  const BackupOptions& options) {
  return Writer(database, tenant_folder, key, clock, options).run();
}

Result<RepairReport> repair_files(Database& database, const Secret& key, Clock& clock, const fs::path& backups, std::stop_token stop) {
  const std::lock_guard lock(database.maintenance());
  auto held = HeldFiles::hold(database);
  if (!held) return held.error();
  std::map<std::string, BackupFile> pool;
  auto ids = backup_ids(backups);
  if (!ids) return ids.error();
  for (const auto& id : *ids) {
    auto manifest = read_manifest(backups, id, key);
    if (!manifest) continue;
    for (const auto& file : manifest->files) pool[file.stored] = file;
  }
  RepairReport report;
  Pace pace(0, clock);
  for (const auto& file : held->files()) {
    if (!file.immutable || file.checksum.empty()) continue;
    const auto path = database.folder() / file.name;
    auto found = checksum_of(path, pace, stop);
    if (found && !*found) return Error{ErrorCode::cancelled, "the repair was stopped"};
    if (found && **found == file.checksum) continue;
    const auto known = pool.find(pool_name(file));
    if (known == pool.end()) {
      report.lost.push_back(fmt::format("{}: no backup has this file", file.name));
      continue;
    }
    const auto source = backups / known->second.stored;
    auto digest = copy_file({source, {}, known->second.size}, pace, stop, {});
    if (!digest || !*digest || **digest != known->second.sha256) {
      report.lost.push_back(fmt::format("{}: the backup's copy of this file is damaged, too", file.name));
      continue;
    }
    if (auto mended = mend_file(source, path); !mended) return mended.error();
    auto again = checksum_of(path, pace, stop);
    if (again && *again && **again == file.checksum) report.repaired.push_back(fmt::format("{}: its damaged bytes are written anew", file.name));
    else report.lost.push_back(fmt::format("{}: the disk does not keep what is written to it", file.name));
  }
  return report;
}

}  // namespace kopial
