// The immutable files of an open store (SST and blob files) and what their bytes must be: RocksDB writes a CRC-32C of each whole file into
// its manifest when it makes the file.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <vector>

#include "storage/base/bytes.h"
#include "storage/database.h"
#include "storage/pace.h"

namespace kopial {

struct LiveFile {
  std::string name;  // "000012.sst"
  std::uint64_t number = 0, size = 0;
  Bytes checksum;    // "" when it is not known: made before checksums were kept
  bool immutable = false;
  Bytes replacement;          // content to use in place of the file's (CURRENT)
  bool trim_to_size = false;  // the file may be longer than `size`
};

// All files that together are the store, after flushing what is only in the log. While `hold` lives none of them is removed.
class HeldFiles {
 public:
  static Result<HeldFiles> hold(Database& database);
  HeldFiles(HeldFiles&& other) noexcept : database_(std::exchange(other.database_, nullptr)), files_(std::move(other.files_)) {}
  HeldFiles& operator=(HeldFiles&&) = delete;
  ~HeldFiles();
  const std::vector<LiveFile>& files() const { return files_; }  // by number

 private:
  explicit HeldFiles(Database& database) : database_(&database) {}
  Database* database_;
  std::vector<LiveFile> files_;
};

// The same without holding them: a file may be gone when it is looked at.
Result<std::vector<LiveFile>> live_files(Database& database);

// The checksum of the file's bytes as they are on the disk now (not as the page cache remembers them). nullopt when it was stopped; fails
// with not_found when there is no such file.
Result<std::optional<Bytes>> checksum_of(const std::filesystem::path& file, Pace& pace, const std::stop_token& stop,
                                         const std::function<void(std::uint64_t)>& read = {});

}  // namespace kopial
