// Time as we keep it: UTC, milliseconds. Code asks a Clock, so that tests can move time.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace kopial {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

std::string format_rfc3339(Time time);                        // 2026-11-24T03:54:00.123Z; no fraction when it is zero
std::optional<Time> parse_rfc3339(std::string_view text);     // any offset, any fraction
std::int64_t to_milliseconds(Time time);                      // since 1970
Time from_milliseconds(std::int64_t milliseconds);

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  // Monotonic; only differences mean something.
  virtual std::chrono::nanoseconds uptime() const = 0;
  // Waits until `duration` has passed or `stop` is requested. False when it was stopped.
  virtual bool wait_for(std::chrono::milliseconds duration, std::stop_token stop) = 0;
};

// The machine's clock; lives as long as the process.
Clock& system_clock();

}  // namespace kopial
