// Verifying and restoring backups: works on files alone, whatever wrote them.
#include <fmt/format.h>

#include "storage/backup_manifest.h"
#include "storage/base/files.h"
#include "storage/file_copy.h"
#include "storage/tenant_store.h"

namespace kopial {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kJournalBytesMax = 1ull << 30;

class Reading {
 public:
  Reading(const BackupManifest& manifest, std::stop_token stop, const std::function<void(const BackupProgress&)>& progress)
      : stop_(std::move(stop)), progress_(progress) {
    told_.bytes_total = manifest.record.bytes;
  }
  // Compares the file with its digest, and copies it to `to` unless that is empty. nullopt when it is as it should be.
  Result<std::optional<BackupFault>> file(const fs::path& folder, const BackupFile& file, const fs::path& to) {
    auto digest = copy_file({folder / file.stored, to, file.size}, pace_, stop_, [this](std::uint64_t bytes) {
      told_.bytes += bytes;
      if (progress_) progress_(told_);
    });
    if (!digest && !to.empty() && digest.error().code == ErrorCode::disk_full) return digest.error();
    if (!digest) return std::optional(BackupFault{file.stored, digest.error().message});
    if (!*digest) return Error{ErrorCode::cancelled, "it was stopped"};
    std::error_code none;
    if (fs::file_size(folder / file.stored, none) != file.size) return std::optional(BackupFault{file.stored, "it has another size than when it was written"});
    if (**digest != file.sha256) return std::optional(BackupFault{file.stored, "its bytes are not those that were backed up"});
    return std::optional<BackupFault>();
  }

 private:
  const std::stop_token stop_;
  const std::function<void(const BackupProgress&)>& progress_;
  Pace pace_{0, system_clock()};
  BackupProgress told_;
};

}  // namespace

Result<std::vector<BackupFault>> verify_backup(const fs::path& folder, const std::string& id, const std::optional<Secret>& key, std::stop_token stop,
                                               const std::function<void(const BackupProgress&)>& progress) {
  auto manifest = read_manifest(folder, id, key);
  if (!manifest && manifest.error().code == ErrorCode::corrupt) return std::vector<BackupFault>{{id + "/manifest", manifest.error().message}};
  if (!manifest) return manifest.error();
  Reading reading(*manifest, std::move(stop), progress);
  std::vector<BackupFault> faults;
  for (const auto& file : manifest->files) {
    auto fault = reading.file(folder, file, {});
    if (!fault) return fault.error();
    if (*fault) faults.push_back(**fault);
  }
  return faults;
}

Result<BackupRecord> restore_backup(const fs::path& folder, const std::string& id, const Secret& key, const fs::path& target, std::stop_token stop,
                                    const std::function<void(const BackupProgress&)>& progress) {
  auto manifest = read_manifest(folder, id, key);
  if (!manifest) return manifest.error();
  std::error_code bad;
  if (fs::exists(target / "store", bad)) return Error{ErrorCode::conflict, fmt::format("there is a store in {}", target.string())};
  const auto part = target / "store.part";
  fs::remove_all(part, bad);
  fs::create_directories(part, bad);
  if (bad) return Error{ErrorCode::unavailable, fmt::format("making the folder {}: {}", part.string(), bad.message())};
  const auto give_up = [&](Error error) {
    std::error_code none;
    fs::remove_all(part, none);
    return error;
  };
  Reading reading(*manifest, std::move(stop), progress);
  for (const auto& file : manifest->files) {
    auto fault = reading.file(folder, file, part / file.name);
    if (!fault) return give_up(fault.error());
    if (*fault) return give_up(Error{ErrorCode::corrupt, fmt::format("backup {}, {}: {}", id, (*fault)->file, (*fault)->problem)});
  }
  if (auto synced = sync_folder(part); !synced) return give_up(synced.error());
  auto journal = read_file(folder / kErasureJournal, kJournalBytesMax);
  if (!journal && journal.error().code != ErrorCode::not_found) return give_up(journal.error());
  if (journal) {
    if (auto kept = write_file_durably(target / kNewerErasures, *journal); !kept) return give_up(kept.error());
  }
  if (!manifest->record.checkpoint.empty()) {
    // What the backup stood at is what the restored store is held against when it is opened.
    fs::create_directories(target / "evidence", bad);
    if (auto kept = write_file_durably(target / "evidence" / "anchor", manifest->record.checkpoint, 0644); !kept) return give_up(kept.error());
  }
  fs::rename(part, target / "store", bad);
  if (bad) return give_up(Error{ErrorCode::unavailable, fmt::format("renaming {}: {}", part.string(), bad.message())});
  if (auto synced = sync_folder(target); !synced) return synced.error();
  return manifest->record;
}

Result<void> update_backup_journal(const fs::path& tenant_folder, const fs::path& backups) {
  auto journal = read_file(tenant_folder / kErasureJournal, kJournalBytesMax);
  if (!journal && journal.error().code == ErrorCode::not_found) return {};
  if (!journal) return journal.error();
  return write_file_durably(backups / kErasureJournal, *journal);
}

}  // namespace kopial
