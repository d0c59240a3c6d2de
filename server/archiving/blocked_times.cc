#include "server/archiving/blocked_times.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

namespace kopial {
namespace {

constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

std::optional<unsigned> day_called(std::string_view name) {
  for (unsigned day = 0; day < 7; ++day) {
    if (kDays[day] == name) return day;
  }
  return std::nullopt;
}

// "mon-fri", "sat,sun"; both ends of a range belong to it, and it may run over the end of the week.
bool read_days(const std::string& text, std::bitset<7>& out) {
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dash = part.find('-');
    const auto from = day_called(std::string_view(part).substr(0, dash));
    const auto to = dash == std::string::npos ? from : day_called(std::string_view(part).substr(dash + 1));
    if (!from || !to) return false;
    for (unsigned day = *from;; day = (day + 1) % 7) {
      out.set(day);
      if (day == *to) break;
    }
  }
  return out.any();
}

std::optional<unsigned> minute_called(std::string_view text) {
  unsigned hour = 0, minute = 0;
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto read = [](std::string_view digits, unsigned& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (!read(text.substr(0, 2), hour) || !read(text.substr(3), minute) || minute > 59 || hour * 60 + minute > 24 * 60) return std::nullopt;
  return hour * 60 + minute;
}

}  // namespace

Result<BlockedTimes> BlockedTimes::parse(const std::vector<std::string>& entries) {
  BlockedTimes out;
  for (const auto& entry : entries) {
    const Error wrong{ErrorCode::invalid, fmt::format("'{}' is not a time to block; write 'mon-fri 08:00-18:00' or '22:00-02:00' (UTC)", entry.substr(0, 50))};
    const auto space = entry.rfind(' ');
    std::bitset<7> days;
    if (space == std::string::npos) days.set();
    else if (!read_days(entry.substr(0, space), days)) return wrong;
    const auto times = space == std::string::npos ? entry : entry.substr(space + 1);
    const auto dash = times.find('-');
    if (dash == std::string::npos) return wrong;
    const auto from = minute_called(std::string_view(times).substr(0, dash)), to = minute_called(std::string_view(times).substr(dash + 1));
    if (!from || !to || *from == *to || *from == 24 * 60) return wrong;
    const unsigned length = *to > *from ? *to - *from : 24 * 60 - *from + *to;  // Over midnight: into the next day.
    for (unsigned day = 0; day < 7; ++day) {
      for (unsigned i = 0; days.test(day) && i < length; ++i) out.blocked_.set((day * 24 * 60 + *from + i) % kMinutes);
    }
  }
  if (out.blocked_.all()) return Error{ErrorCode::invalid, "the whole week is blocked: no run would ever work"};
  return out;
}

std::size_t BlockedTimes::minute_of(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  return weekday(day).c_encoding() * 24 * 60 + static_cast<std::size_t>(duration_cast<minutes>(time - day).count());
}

bool BlockedTimes::contains(Time time) const { return blocked_.test(minute_of(time)); }

Time BlockedTimes::free_from(Time time) const {
  using namespace std::chrono;
  if (!contains(time)) return time;
  auto minute = floor<minutes>(time);
  for (std::size_t i = 0; i < kMinutes && blocked_.test(minute_of(time_point_cast<milliseconds>(minute))); ++i) minute += minutes(1);
  return time_point_cast<milliseconds>(minute);
}

}  // namespace kopial
