// Backups of one tenant's store in a folder anywhere: full the first time, and afterwards only what is new.
//
// Promises
//   online     mail is taken and read meanwhile; the backup is the store as of one moment, and says which;
//   honest     a backup counts only when its manifest is there, and the manifest comes last, after everything it names is fsynced;
//   proved     every file has its SHA-256 in the manifest, the manifest a keyed mark: restoring compares each byte;
//   secret     files are copied as they lie, so sealed stays sealed. The tenant's key goes along only as the caller wraps it.
//
// The folder of one tenant's backups:
//   files/NUMBER-CRC-SIZE.sst|blob   immutable files, shared by the backups that name them
//   ID/manifest                      JSON and, in a last line, its keyed mark
//   ID/CURRENT, MANIFEST-…, …        what changes from backup to backup
//   ID.part/                         one that was interrupted: removed by the next
//   erasures                         the tenant's journal of erasures, as of the newest backup
// IDs are UTC times, so that they sort: 20261125T101500Z.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

struct BackupProgress {
  std::uint64_t bytes = 0, bytes_total = 0;  // of files that had to be looked at
};

struct BackupOptions {
  std::filesystem::path folder;  // of this tenant's backups; made when it is not there
  std::string attachment;        // JSON of the caller's, kept in the manifest: what a server needs to take the tenant in again
  std::string checkpoint;        // the evidence checkpoint the backup stands at; "" = none
  std::uint64_t bytes_per_second = 0;
  std::size_t keep = 0;  // complete backups that stay, this one included; 0 = all
  std::stop_token stop;
  std::function<void(const BackupProgress&)> progress;
};

struct BackupRecord {
  std::string id;
  Time taken_at;
  std::uint64_t messages = 0, copies = 0, placements = 0, raw_bytes = 0;
  Serial last_message{};
  Sequence last_change{};
  std::string checkpoint, attachment;
  std::uint64_t files = 0, bytes = 0;          // of the whole backup
  std::uint64_t new_files = 0, new_bytes = 0;  // that were copied for it
};

// Complete backups, oldest first; what has no readable manifest is left out. `key` (the tenant's) is needed to know them for ours;
// without it only their own digests are compared.
Result<std::vector<BackupRecord>> list_backups(const std::filesystem::path& folder, const std::optional<Secret>& key);

struct BackupFault {
  std::string file, problem;
};
// Reads every byte of a backup. Empty: it can be restored.
Result<std::vector<BackupFault>> verify_backup(const std::filesystem::path& folder, const std::string& id, const std::optional<Secret>& key,
                                               std::stop_token stop, const std::function<void(const BackupProgress&)>& progress = {});

// Puts the backup's store into `target`/store, where `target` is a tenant's folder that has none; and the newest known journal of erasures beside it as
// "erasures.newer", and the checkpoint the backup stands at as its anchor. Every byte is compared while it is copied: corrupt, naming the file, leaves nothing behind. What is restored is opened
// with TenantStore::open, compared with the record, and then told what was erased since (TenantStore::replay_erasures).
Result<BackupRecord> restore_backup(const std::filesystem::path& folder, const std::string& id, const Secret& key,
                                    const std::filesystem::path& target, std::stop_token stop,
                                    const std::function<void(const BackupProgress&)>& progress = {});
inline constexpr std::string_view kNewerErasures = "erasures.newer";

// Copies the tenant's journal of erasures to where its backups are: to be done after each erasure, or a restore would bring the mail back.
Result<void> update_backup_journal(const std::filesystem::path& tenant_folder, const std::filesystem::path& backups);

struct RepairReport {
  std::vector<std::string> repaired, lost;  // sentences
};

}  // namespace kopial
