// Ranges of the query language: sizes and dates, both ends inclusive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

struct QueryRange {
  std::optional<std::int64_t> low, high;
};

// ">10MB", "<=2KiB", "1MB..5MB", "10MB.." and "500" (exactly). KB, MB and GB count in 1000, KiB, MiB and GiB in 1024.
// The error's message says what was expected.
Result<QueryRange> parse_size_range(std::string_view value);

// `field` is date, after, before, received or archived. A date is a year, a month, a day or an RFC 3339 time in UTC, "today", "yesterday", or an
// age as "7d", "4w", "6m", "2y"; date: takes "A..B" with either end left out. after: begins with its date, before: ends just before it.
// Milliseconds since 1970.
Result<QueryRange> parse_date_range(std::string_view field, std::string_view value, Time now);

std::string size_range_text(std::optional<std::int64_t> low, std::optional<std::int64_t> high);
std::string date_range_text(std::optional<std::int64_t> low, std::optional<std::int64_t> high);

}  // namespace kopial
