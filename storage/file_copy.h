// Copying files so that the copy is on the disk, and known.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/pace.h"

namespace kopial {

struct CopyJob {
  std::filesystem::path from;
  std::filesystem::path to;  // "" = only read
  std::uint64_t size = 0;    // as many bytes must be there; more are left out
};

// The SHA-256 of the bytes; nullopt when it was stopped. The copy is fsynced, its folder is not. Fails with corrupt when the source is
// too short.
Result<std::optional<Digest>> copy_file(const CopyJob& job, Pace& pace, const std::stop_token& stop,
                                        const std::function<void(std::uint64_t)>& copied);

// Writes into `target` what `source` has and it has not; bytes that are right already are not touched. fsynced.
Result<void> mend_file(const std::filesystem::path& source, const std::filesystem::path& target);

}  // namespace kopial
