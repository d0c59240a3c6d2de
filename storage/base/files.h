// The few file operations that must be right about durability.
#pragma once

#include <cstdint>
#include <filesystem>
#include <sys/types.h>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace kopial {

// Fails with not_found, too_large (over `bytes_max`) or unavailable.
Result<Bytes> read_file(const std::filesystem::path& path, std::uint64_t bytes_max);

// Replaces `path` so that after a crash either the old or the new content is there, whole: temporary file beside it,
// fsync, rename, fsync of the folder. Fails with disk_full or unavailable.
Result<void> write_file_durably(const std::filesystem::path& path, BytesView content, mode_t mode = 0600);

// fsync of a folder, so that names created or renamed in it survive a power cut.
Result<void> sync_folder(const std::filesystem::path& folder);

// The Error for errno `number`: disk_full for ENOSPC and EDQUOT, not_found for ENOENT, denied for EACCES, else unavailable.
Error errno_error(int number, std::string_view doing, const std::filesystem::path& path);

}  // namespace kopial
