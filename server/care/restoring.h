// Restoring ends in proof: what came back is compared with what the backup says of itself.
#pragma once

#include "storage/backup.h"
#include "storage/tenant_store.h"

namespace kopial {

struct RestoreOutcome {
  std::string text;
  std::vector<std::string> findings;
};

// Restores into `store` (an empty folder), opens it, erases again what was erased since, compares totals with the backup's, checks that the
// store agrees with itself, and closes it. `present` is where the tenant's store was until now: its journal of erasures, if it is there, is
// newer than the backup's.
Result<RestoreOutcome> restore_and_prove(const std::filesystem::path& backups, const std::string& id, const Secret& key, const std::filesystem::path& store,
                                         const std::filesystem::path& present, std::stop_token stop,
                                         const std::function<void(const BackupProgress&)>& progress);

// The same into `scratch`, which is removed afterwards; what is not as it should be is a finding and not an error.
Result<RestoreOutcome> drill_backup(const std::filesystem::path& backups, const std::string& id, const Secret& key, const std::filesystem::path& scratch,
                                    std::stop_token stop, const std::function<void(const BackupProgress&)>& progress);

}  // namespace kopial
