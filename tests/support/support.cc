#include "tests/support/support.h"

#include <stdlib.h>

#include <stdexcept>

namespace kopial {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kopial-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Time FakeClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

std::chrono::nanoseconds FakeClock::uptime() const {
  const std::lock_guard lock(mutex_);
  return elapsed_;
}

bool FakeClock::wait_for(std::chrono::milliseconds duration, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  waited_ += duration;
  if (auto_advance_) {
    now_ += duration;
    elapsed_ += duration;
    moved_.notify_all();
    return !stop.stop_requested();
  }
  const Time due = now_ + duration;
  moved_.wait(lock, stop, [&] { return now_ >= due; });
  return !stop.stop_requested();
}

void FakeClock::advance(std::chrono::milliseconds duration) {
  {
    const std::lock_guard lock(mutex_);
    now_ += duration;
    elapsed_ += duration;
  }
  moved_.notify_all();
}

std::chrono::milliseconds FakeClock::waited() const {
  const std::lock_guard lock(mutex_);
  return waited_;
}

std::optional<std::filesystem::path> shared_folder() {
  if (const char* folder = ::getenv("KOPIAL_SHARED"); folder != nullptr && std::filesystem::is_directory(folder)) {
    return folder;
  }
  const auto beside = std::filesystem::path(KOPIAL_SOURCE_DIR).parent_path() / "shared";
  if (std::filesystem::is_directory(beside / "corpus")) return beside;
  return std::nullopt;
}

}  // namespace kopial
