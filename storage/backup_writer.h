// How TenantStore::backup and TenantStore::repair do it.
#pragma once

#include "storage/backup_manifest.h"
#include "storage/live_files.h"
#include "storage/scrub.h"
#include "storage/values.h"

namespace kopial {

// TenantStore::backup.
Result<BackupRecord> write_backup(Database& database, const std::filesystem::path& tenant_folder, const Secret& key, Clock& clock,
                                  const BackupOptions& options);

// Puts right what the checksums say is damaged, in place, from backups whose bytes still verify.
Result<RepairReport> repair_files(Database& database, const Secret& key, Clock& clock, const std::filesystem::path& backups,
                                  std::stop_token stop);

}  // namespace kopial
