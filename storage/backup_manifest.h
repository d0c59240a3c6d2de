// The manifest of a backup: backup.h draws where it lies.
#pragma once

#include "storage/backup.h"

namespace kopial {

struct BackupFile {
  std::string name;    // in the store's folder
  std::string stored;  // below the folder of backups
  std::uint64_t size = 0;
  Digest sha256;
};
struct BackupManifest {
  BackupRecord record;
  std::vector<BackupFile> files;
};

bool is_backup_id(std::string_view text);
std::string backup_id(Time time);

std::string encode_manifest(const BackupManifest& manifest, const Secret& key);
// Fails with corrupt when it is damaged, or (with a key) was not written under it.
Result<BackupManifest> decode_manifest(const std::string& text, const std::optional<Secret>& key);
Result<BackupManifest> read_manifest(const std::filesystem::path& folder, const std::string& id, const std::optional<Secret>& key);
// Ids of folders with a manifest, oldest first.
Result<std::vector<std::string>> backup_ids(const std::filesystem::path& folder);

}  // namespace kopial
