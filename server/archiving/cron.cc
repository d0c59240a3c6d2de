#include "server/archiving/cron.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>
#include <vector>

namespace kopial {
namespace {

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

template <std::size_t Size>
bool read_field(const std::string& field, int low, int high, std::bitset<Size>& out) {
  std::istringstream parts(field);
  std::string part;
  bool any = false;
  while (std::getline(parts, part, ',')) {
    const auto slash = part.find('/');
    const auto step = slash == std::string::npos ? std::optional(1) : number(std::string_view(part).substr(slash + 1));
    const auto range = part.substr(0, slash);
    int from = low, to = high;
    if (range != "*") {
      const auto dash = range.find('-');
      const auto first = number(std::string_view(range).substr(0, dash));
      const auto last = dash == std::string::npos ? (slash == std::string::npos ? first : std::optional(high)) : number(std::string_view(range).substr(dash + 1));
      if (!first || !last) return false;
      from = *first;
      to = *last;
    }
    if (!step || *step < 1 || from < low || to > high || from > to) return false;
    for (int value = from; value <= to; value += *step) out.set(static_cast<std::size_t>(value) % Size);
    any = true;
  }
  return any;
}

}  // namespace

Result<Cron> Cron::parse(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> fields;
  for (std::string field; stream >> field;) fields.push_back(field);
  if (fields.size() != 5) return Error{ErrorCode::invalid, "a cron expression has five fields: minute hour day month weekday, such as '0 3 * * *'"};
  Cron cron;
  const auto wrong = [&](std::size_t at, std::string_view name) {
    return Error{ErrorCode::invalid, fmt::format("the {} field '{}' of the cron expression cannot be understood", name, fields[at])};
  };
  if (!read_field(fields[0], 0, 59, cron.minutes_)) return wrong(0, "minute");
  if (!read_field(fields[1], 0, 23, cron.hours_)) return wrong(1, "hour");
  if (!read_field(fields[2], 1, 31, cron.days_)) return wrong(2, "day");
  if (!read_field(fields[3], 1, 12, cron.months_)) return wrong(3, "month");
  if (!read_field(fields[4], 0, 7, cron.weekdays_)) return wrong(4, "weekday");
  cron.any_day_ = fields[2] == "*";
  cron.any_weekday_ = fields[4] == "*";
  return cron;
}

std::optional<Time> Cron::next(Time time) const {
  using namespace std::chrono;
  auto minute = floor<minutes>(time) + minutes(1);
  const auto end = minute + days(5 * 366);
  while (minute < end) {
    const auto day = floor<days>(minute);
    const year_month_day date(day);
    const bool day_fits = days_.test(static_cast<unsigned>(date.day())), weekday_fits = weekdays_.test(weekday(day).c_encoding());
    const bool fits = any_day_ ? weekday_fits : any_weekday_ ? day_fits : day_fits || weekday_fits;
    if (!months_.test(static_cast<unsigned>(date.month())) || !fits) {
      minute = day + days(1);
      continue;
    }
    const auto of_day = minute - day;
    const auto hour = duration_cast<hours>(of_day).count();
    if (!hours_.test(static_cast<std::size_t>(hour))) {
      minute = day + hours(hour + 1);
      continue;
    }
    if (minutes_.test(static_cast<std::size_t>(duration_cast<minutes>(of_day).count() % 60))) return time_point_cast<milliseconds>(minute);
    minute += minutes(1);
  }
  return std::nullopt;
}

}  // namespace kopial
