// Keeps long work over many bytes at a given speed, so that mail and people come first.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "storage/base/clock.h"

namespace kopial {

// For one thread at a time.
class Pace {
 public:
  // 0: as fast as it goes.
  Pace(std::uint64_t bytes_per_second, Clock& clock) : bytes_per_second_(bytes_per_second), clock_(clock), begun_(clock.uptime()) {}

  // After `bytes` were read or written: waits as long as they should have taken. False when it was stopped.
  bool spend(std::uint64_t bytes, const std::stop_token& stop) {
    if (stop.stop_requested()) return false;
    if (bytes_per_second_ == 0) return true;
    spent_ += bytes;
    const std::chrono::duration<double> due(static_cast<double>(spent_) / static_cast<double>(bytes_per_second_));
    const auto ahead = std::chrono::duration_cast<std::chrono::milliseconds>(due - (clock_.uptime() - begun_));
    return ahead.count() < 5 || clock_.wait_for(ahead, stop);
  }

 private:
  const std::uint64_t bytes_per_second_;
  Clock& clock_;
  const std::chrono::nanoseconds begun_;
  std::uint64_t spent_ = 0;
};

}  // namespace kopial
