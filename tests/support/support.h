// What many tests need: a folder of their own, a clock they move, and the way to the shared corpus.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>

#include "storage/base/clock.h"

namespace kopial {

// A fresh folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A clock that moves when told. A wait ends when the time has been advanced past it, or it is stopped. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start = from_milliseconds(1'790'000'000'000)) : now_(start) {}
  Time now() const override;
  std::chrono::nanoseconds uptime() const override;
  bool wait_for(std::chrono::milliseconds duration, std::stop_token stop) override;
  void advance(std::chrono::milliseconds duration);
  // When on, a wait advances the clock itself and returns at once: for code whose waits are the subject.
  void set_auto_advance(bool on) { auto_advance_ = on; }
  std::chrono::milliseconds waited() const;  // sum of all waits asked for

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any moved_;
  Time now_;
  std::chrono::milliseconds waited_{0}, elapsed_{0};
  std::atomic<bool> auto_advance_{false};
};

// The shared test corpus: $KOPIAL_SHARED, else ../shared beside the checkout. nullopt: skip loudly.
std::optional<std::filesystem::path> shared_folder();

}  // namespace kopial
