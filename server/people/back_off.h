// Slows down whoever guesses passwords: per user name and per network address, growing with each failure.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

// Thread-safe. Kept in memory and bounded: a restart forgives.
class BackOff {
 public:
  explicit BackOff(Clock& clock) : clock_(clock) {}
  // rate_limited, with the seconds to wait, while `key` has to wait.
  Result<void> check(const std::string& key);
  void failed(const std::string& key);
  void succeeded(const std::string& key);
  // Remembers, bounded, that somebody was right before.
  void trust(const std::string& key);
  bool is_trusted(const std::string& key);

 private:
  struct Guesses {
    int failures = 0;
    std::chrono::nanoseconds last{0}, not_before{0};
  };
  Clock& clock_;
  std::mutex mutex_;
  void make_room();
  std::map<std::string, Guesses> guesses_;
  std::map<std::string, std::chrono::nanoseconds> trusted_;  // when it was right the last time
};

}  // namespace kopial
