#include "storage/file_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "storage/base/files.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kMendBytes = 4096;  // What a disk replaces at once.

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
  const int fd_;
};

bool write_all(int file, BytesView bytes) {
  while (!bytes.empty()) {
    const auto wrote = ::write(file, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

// Less than asked only at the end of the file. -1: errno says why.
ssize_t read_piece(int file, char* into, std::size_t bytes, off_t at) {
  std::size_t have = 0;
  while (have < bytes) {
    const auto got = ::pread(file, into + have, bytes - have, at + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(have);
}

}  // namespace

Result<std::optional<Digest>> copy_file(const CopyJob& job, Pace& pace, const std::stop_token& stop,
                                        const std::function<void(std::uint64_t)>& copied) {
  const Descriptor from(::open(job.from.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.get() < 0) return errno_error(errno, "open", job.from);
  std::optional<Descriptor> to;
  if (!job.to.empty()) {
    to.emplace(::open(job.to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (to->get() < 0) return errno_error(errno, "create", job.to);
  }
  Sha256 digest;
  std::string buffer(kPieceBytes, '\0');
  for (std::uint64_t at = 0; at < job.size;) {
    const auto wanted = std::min<std::uint64_t>(buffer.size(), job.size - at);
    const auto got = read_piece(from.get(), buffer.data(), wanted, static_cast<off_t>(at));
    if (got < 0) return errno_error(errno, "read", job.from);
    if (static_cast<std::uint64_t>(got) < wanted) {
      return Error{ErrorCode::corrupt, fmt::format("{} has {} bytes and should have {}", job.from.string(), at + static_cast<std::uint64_t>(got), job.size)};
    }
    const BytesView piece(buffer.data(), static_cast<std::size_t>(got));
    digest.update(piece);
    if (to && !write_all(to->get(), piece)) return errno_error(errno, "write", job.to);
    at += static_cast<std::uint64_t>(got);
    ::posix_fadvise(from.get(), 0, static_cast<off_t>(at), POSIX_FADV_DONTNEED);
    if (copied) copied(static_cast<std::uint64_t>(got));
    if (!pace.spend(static_cast<std::uint64_t>(got), stop)) return std::optional<Digest>();
  }
  if (to) {
    if (::fsync(to->get()) != 0) return errno_error(errno, "fsync", job.to);
    ::posix_fadvise(to->get(), 0, 0, POSIX_FADV_DONTNEED);
  }
  return std::optional(digest.finish());
}

Result<void> mend_file(const std::filesystem::path& source, const std::filesystem::path& target) {
  const Descriptor from(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.get() < 0) return errno_error(errno, "open", source);
  const Descriptor to(::open(target.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (to.get() < 0) return errno_error(errno, "open", target);
  char good[kMendBytes], present[kMendBytes];
  off_t at = 0;
  while (true) {
    const auto got = read_piece(from.get(), good, sizeof good, at);
    if (got < 0) return errno_error(errno, "read", source);
    if (got == 0) break;
    // A place that cannot be read (a bad sector) is written like one that is wrong: writing is what makes the disk replace it.
    const auto have = read_piece(to.get(), present, static_cast<std::size_t>(got), at);
    if (have != got || BytesView(good, static_cast<std::size_t>(got)) != BytesView(present, static_cast<std::size_t>(got))) {
      if (::pwrite(to.get(), good, static_cast<std::size_t>(got), at) != got) return errno_error(errno, "write", target);
    }
    at += got;
  }
  if (::ftruncate(to.get(), at) != 0) return errno_error(errno, "truncate", target);
  if (::fsync(to.get()) != 0) return errno_error(errno, "fsync", target);
  return {};
}

}  // namespace kopial
