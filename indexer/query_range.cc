#include "indexer/query_range.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cctype>
#include <limits>

namespace kopial {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::string_view kSizeExpected = "a size such as >10MB, <500KB, 1MB..5MB or 2MiB..";
constexpr std::string_view kDateExpected =
    "a date such as 2024, 2024-03, 2024-03-15, 2024-01..2024-03, 2024-01.., today, yesterday, 7d, 4w, 6m or 2y";

std::optional<std::int64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr == text.data()) return std::nullopt;
  std::string unit;
  for (const char* c = parsed.ptr; c != text.data() + text.size(); ++c) unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 11> kUnits = {{{"", 1},
                                                                                        {"b", 1},
                                                                                        {"k", 1000},
                                                                                        {"kb", 1000},
                                                                                        {"kib", 1024},
                                                                                        {"m", 1'000'000},
                                                                                        {"mb", 1'000'000},
                                                                                        {"mib", 1 << 20},
                                                                                        {"g", 1'000'000'000},
                                                                                        {"gb", 1'000'000'000},
                                                                                        {"gib", 1 << 30}}};
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) return std::nullopt;
    return static_cast<std::int64_t>(number * factor);
  }
  return std::nullopt;
}

struct Period {
  std::int64_t first, last;  // milliseconds, inclusive
};

Period period(sys_days begin, sys_days end) { return {to_milliseconds(begin), to_milliseconds(end) - 1}; }

std::optional<unsigned> digits(std::string_view text, std::size_t size) {
  unsigned number = 0;
  if (text.size() != size) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + size, number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + size) return std::nullopt;
  return number;
}

std::optional<Period> parse_date(std::string_view text, Time now) {
  using namespace std::chrono;
  const auto today = floor<days>(now);
  if (text == "today") return period(today, today + days(1));
  if (text == "yesterday") return period(today - days(1), today);
  if (text.size() >= 2 && std::string_view("dwmy").find(text.back()) != std::string_view::npos) {
    int count = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size() - 1, count);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() - 1 && count >= 0 && count < 10'000) {
      const year_month_day ymd{today};
      const auto clamp = [](year_month_day day) { return sys_days(day.ok() ? day : day.year() / day.month() / std::chrono::last); };
      sys_days begin = today;
      switch (text.back()) {
        case 'd': begin = today - days(count); break;
        case 'w': begin = today - days(7 * count); break;
        case 'm': begin = clamp(ymd - months(count)); break;
        default: begin = clamp(ymd - years(count)); break;
      }
      return Period{to_milliseconds(begin), std::numeric_limits<std::int64_t>::max()};
    }
  }
  if (text.size() > 10) {
    const auto time = parse_rfc3339(text);
    if (!time) return std::nullopt;
    return Period{to_milliseconds(*time), to_milliseconds(*time)};
  }
  const auto y = digits(text.substr(0, std::min<std::size_t>(4, text.size())), 4);
  if (!y || *y < 1) return std::nullopt;
  const year this_year(static_cast<int>(*y));
  if (text.size() == 4) return period(this_year / January / 1, (this_year + years(1)) / January / 1);
  if (text[4] != '-' || text.size() < 7) return std::nullopt;
  const auto m = digits(text.substr(5, 2), 2);
  if (!m || *m < 1 || *m > 12) return std::nullopt;
  const year_month this_month = this_year / month(*m);
  if (text.size() == 7) return period(this_month / 1, (this_month + months(1)) / 1);
  if (text.size() != 10 || text[7] != '-') return std::nullopt;
  const auto d = digits(text.substr(8, 2), 2);
  if (!d) return std::nullopt;
  const year_month_day this_day = this_month / day(*d);
  if (!this_day.ok()) return std::nullopt;
  return period(sys_days(this_day), sys_days(this_day) + days(1));
}

}  // namespace

Result<QueryRange> parse_size_range(std::string_view value) {
  const Error error{ErrorCode::invalid, std::string(kSizeExpected)};
  QueryRange range;
  if (const std::size_t dots = value.find(".."); dots != std::string_view::npos) {
    const std::string_view low = value.substr(0, dots), high = value.substr(dots + 2);
    if (low.empty() && high.empty()) return error;
    if (!low.empty() && !(range.low = parse_size(low))) return error;
    if (!high.empty() && !(range.high = parse_size(high))) return error;
    if (range.low && range.high && *range.low > *range.high) return Error{ErrorCode::invalid, "a range whose first size is the smaller one"};
    return range;
  }
  const bool greater = value.starts_with('>'), less = value.starts_with('<');
  const bool inclusive = (greater || less) && value.size() > 1 && value[1] == '=';
  const auto size = parse_size(value.substr((greater || less) ? (inclusive ? 2 : 1) : 0));
  if (!size) return error;
  if (greater) range.low = *size + (inclusive ? 0 : 1);
  else if (less) range.high = *size - (inclusive ? 0 : 1);
  else range.low = range.high = *size;
  return range;
}

Result<QueryRange> parse_date_range(std::string_view field, std::string_view value, Time now) {
  const Error error{ErrorCode::invalid, std::string(kDateExpected)};
  if (field == "after" || field == "before") {
    const auto date = parse_date(value, now);
    if (!date) return error;
    if (field == "after") return QueryRange{date->first, std::nullopt};
    return QueryRange{std::nullopt, date->first - 1};
  }
  QueryRange range;
  if (const std::size_t dots = value.find(".."); dots != std::string_view::npos) {
    const std::string_view low = value.substr(0, dots), high = value.substr(dots + 2);
    if (low.empty() && high.empty()) return error;
    if (!low.empty()) {
      const auto date = parse_date(low, now);
      if (!date) return error;
      range.low = date->first;
    }
    if (!high.empty()) {
      const auto date = parse_date(high, now);
      if (!date) return error;
      range.high = date->last;
    }
    if (range.low && range.high && *range.low > *range.high) return Error{ErrorCode::invalid, "a range whose first date is the earlier one"};
    return range;
  }
  const auto date = parse_date(value, now);
  if (!date) return error;
  range.low = date->first;
  if (date->last != std::numeric_limits<std::int64_t>::max()) range.high = date->last;
  return range;
}

std::string size_range_text(std::optional<std::int64_t> low, std::optional<std::int64_t> high) {
  return fmt::format("{}..{}", low ? fmt::to_string(*low) : "", high ? fmt::to_string(*high) : "");
}

std::string date_range_text(std::optional<std::int64_t> low, std::optional<std::int64_t> high) {
  return fmt::format("{}..{}", low ? format_rfc3339(from_milliseconds(*low)) : "", high ? format_rfc3339(from_milliseconds(*high)) : "");
}

}  // namespace kopial
