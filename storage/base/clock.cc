#include "storage/base/clock.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

namespace kopial {
namespace {

class SystemClock final : public Clock {
 public:
  Time now() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  std::chrono::nanoseconds uptime() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
  bool wait_for(std::chrono::milliseconds duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    return !wake.wait_for(lock, stop, duration, [&] { return stop.stop_requested(); });
  }
};

// Reads `count` digits at `at`; -1 when there are not that many.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::string format_rfc3339(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                          clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (const auto fraction = clock.subseconds().count(); fraction != 0) text += fmt::format(".{:03}", fraction);
  return text + "Z";
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const int year_part = digits(text, 0, 4), month_part = digits(text, 5, 2), day_part = digits(text, 8, 2);
  const int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (year_part < 0 || month_part < 0 || day_part < 0 || hour < 0 || minute < 0 || second < 0 || hour > 23 ||
      minute > 59 || second > 60) {
    return std::nullopt;
  }
  const year_month_day date(year(year_part), month(static_cast<unsigned>(month_part)),
                            day(static_cast<unsigned>(day_part)));
  if (!date.ok()) return std::nullopt;
  std::size_t at = 19;
  int fraction = 0;
  if (text[at] == '.') {
    int scale = 100;
    if (digits(text, at + 1, 1) < 0) return std::nullopt;  // A point without a fraction.
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
      fraction += (text[at] - '0') * scale;
    }
  }
  if (at >= text.size()) return std::nullopt;
  minutes offset{0};
  if (text[at] == 'Z' || text[at] == 'z') {
    ++at;
  } else if (text[at] == '+' || text[at] == '-') {
    const int offset_hours = digits(text, at + 1, 2), offset_minutes = digits(text, at + 4, 2);
    if (offset_hours < 0 || offset_hours > 23 || offset_minutes < 0 || offset_minutes > 59 || text[at + 3] != ':') {
      return std::nullopt;
    }
    offset = minutes(offset_hours * 60 + offset_minutes) * (text[at] == '-' ? -1 : 1);
    at += 6;
  }
  if (at != text.size()) return std::nullopt;
  return Time(sys_days(date) + hours(hour) + minutes(minute) + seconds(second) - offset + milliseconds(fraction));
}

std::int64_t to_milliseconds(Time time) { return time.time_since_epoch().count(); }
Time from_milliseconds(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace kopial
