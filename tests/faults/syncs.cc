#include "tests/faults/syncs.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <mutex>

namespace kopial::faults {
namespace {

constexpr std::uint64_t kNever = ~std::uint64_t{0};
std::atomic<std::uint64_t> seen{0}, left{kNever};
std::atomic<bool> failed{false}, ignoring{false};
std::mutex mutex;
std::string below;  // under mutex

bool is_watched(int file) {
  const std::lock_guard lock(mutex);
  if (below.empty()) return true;
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const auto size = ::readlink(link, path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).starts_with(below);
}

enum class Verdict { pass, fail, ignore };
Verdict judge(int file) {
  if (!is_watched(file)) return Verdict::pass;
  ++seen;
  if (failed) return Verdict::fail;
  if (left != kNever && left.fetch_sub(1) == 0) {
    left = 0;
    failed = true;
    return Verdict::fail;
  }
  return ignoring ? Verdict::ignore : Verdict::pass;
}

}  // namespace

std::uint64_t syncs() { return seen; }
void watch_syncs_below(const std::string& path) {
  const std::lock_guard lock(mutex);
  below = path;
}
void fail_syncs_after(std::uint64_t syncs) { left = syncs; }
bool sync_has_failed() { return failed; }
void ignore_syncs(bool ignore) { ignoring = ignore; }
void reset_syncs() {
  seen = 0;
  left = kNever;
  failed = ignoring = false;
}

int judged(int file, int (*real)(int)) {
  switch (judge(file)) {
    case Verdict::ignore: return 0;
    case Verdict::fail: errno = EIO; return -1;
    case Verdict::pass: break;
  }
  return real(file);
}

}  // namespace kopial::faults

extern "C" {

int fsync(int file) {
  static auto* const real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
  return kopial::faults::judged(file, real);
}
int fdatasync(int file) {
  static auto* const real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  return kopial::faults::judged(file, real);
}
int syncfs(int file) {
  static auto* const real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "syncfs"));
  return kopial::faults::judged(file, real);
}
// Starts writing early and promises nothing, so it is never counted; on a disk that ignores syncs it must not help either.
int sync_file_range(int file, off64_t offset, off64_t bytes, unsigned flags) {
  static auto* const real = reinterpret_cast<int (*)(int, off64_t, off64_t, unsigned)>(::dlsym(RTLD_NEXT, "sync_file_range"));
  return kopial::faults::ignoring ? 0 : real(file, offset, bytes, flags);
}

}  // extern "C"
