#include "storage/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kopial {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Error errno_error(int number, std::string_view doing, const std::filesystem::path& path) {
  ErrorCode code = ErrorCode::unavailable;
  if (number == ENOSPC || number == EDQUOT) code = ErrorCode::disk_full;
  if (number == ENOENT) code = ErrorCode::not_found;
  if (number == EACCES || number == EPERM) code = ErrorCode::denied;
  return Error{code, fmt::format("{} {}: {}", doing, path.string(), std::generic_category().message(number))};
}

Result<Bytes> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return errno_error(errno, "open", path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_error(errno, "stat", path);
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::invalid, fmt::format("{} is a folder", path.string())};
  const Error too_large{ErrorCode::too_large, fmt::format("{} is larger than {} bytes", path.string(), bytes_max)};
  // Before memory is taken for it; what grows while it is read is noticed below.
  if (info.st_size > 0 && static_cast<std::uint64_t>(info.st_size) > bytes_max) return too_large;
  Bytes content;
  content.reserve(static_cast<std::size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, "read", path);
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > bytes_max) return too_large;
    content.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<void> write_file_durably(const std::filesystem::path& path, BytesView content, mode_t mode) {
  auto temporary = path;
  temporary += ".new";
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.get() < 0) return errno_error(errno, "create", temporary);
    if (::fchmod(file.get(), mode) != 0) return errno_error(errno, "chmod", temporary);
    for (BytesView rest = content; !rest.empty();) {
      const ssize_t wrote = ::write(file.get(), rest.data(), rest.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return errno_error(errno, "write", temporary);
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(file.get()) != 0) return errno_error(errno, "fsync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return errno_error(errno, "rename", temporary);
  return sync_folder(path.parent_path().empty() ? "." : path.parent_path());
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return errno_error(errno, "open", folder);
  if (::fsync(directory.get()) != 0) return errno_error(errno, "fsync", folder);
  return {};
}

}  // namespace kopial
