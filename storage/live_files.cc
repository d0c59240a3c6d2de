#include "storage/live_files.h"

#include <fcntl.h>
#include <rocksdb/file_checksum.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "storage/base/files.h"

namespace kopial {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;

Result<std::vector<LiveFile>> list(Database& database) {
  rocksdb::LiveFilesStorageInfoOptions options;
  options.include_checksum_info = true;
  options.wal_size_for_flush = 0;
  std::vector<rocksdb::LiveFileStorageInfo> infos;
  if (const auto status = database.rocks().GetLiveFilesStorageInfo(options, &infos); !status.ok()) {
    return to_error(status, "listing the store's files");
  }
  std::vector<LiveFile> files;
  for (const auto& info : infos) {
    LiveFile& file = files.emplace_back();
    file.name = info.relative_filename;
    file.number = info.file_number;
    file.size = info.size;
    file.immutable = info.file_type == rocksdb::kTableFile || info.file_type == rocksdb::kBlobFile;
    if (info.file_checksum_func_name != rocksdb::kUnknownFileChecksumFuncName) file.checksum = info.file_checksum;
    file.replacement = info.replacement_contents;
    file.trim_to_size = info.trim_to_size;
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return files;
}

}  // namespace

Result<HeldFiles> HeldFiles::hold(Database& database) {
  if (const auto status = database.rocks().DisableFileDeletions(); !status.ok()) return to_error(status, "keeping the store's files");
  HeldFiles held(database);
  auto files = list(database);
  if (!files) return files.error();
  held.files_ = *std::move(files);
  return held;
}

HeldFiles::~HeldFiles() {
  if (database_ != nullptr) database_->rocks().EnableFileDeletions(/*force=*/false).PermitUncheckedError();
}

Result<std::vector<LiveFile>> live_files(Database& database) { return list(database); }

Result<std::optional<Bytes>> checksum_of(const std::filesystem::path& path, Pace& pace, const std::stop_token& stop,
                                         const std::function<void(std::uint64_t)>& read) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno_error(errno, "open", path);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  const auto generator = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({path.filename().string(), ""});
  std::string buffer(kPieceBytes, '\0');
  std::optional<Error> failed;
  bool stopped = false;
  for (off_t at = 0;;) {
    const auto got = ::pread(file, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failed = errno_error(errno, "read", path);
    if (got <= 0) break;
    generator->Update(buffer.data(), static_cast<std::size_t>(got));
    at += got;
    if (read) read(static_cast<std::uint64_t>(got));
    ::posix_fadvise(file, 0, at, POSIX_FADV_DONTNEED);  // What a scrub reads once must not push out what people read.
    stopped = !pace.spend(static_cast<std::uint64_t>(got), stop);
    if (stopped) break;
  }
  ::close(file);
  if (failed) return *failed;
  if (stopped) return std::optional<Bytes>();
  generator->Finalize();
  return std::optional<Bytes>(generator->GetChecksum());
}

}  // namespace kopial
