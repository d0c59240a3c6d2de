#include "connectors/http/retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace kopial {
namespace {

std::optional<Time> read_http_date(std::string_view text) {
  const auto seconds = curl_getdate(std::string(text).c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return from_milliseconds(static_cast<std::int64_t>(seconds) * 1000);
}

}  // namespace

std::optional<std::chrono::milliseconds> read_retry_after(std::string_view value, std::string_view date, Time now) {
  using std::chrono::milliseconds;
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  double seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds, std::chars_format::fixed);
  if (error == std::errc() && end == value.data() + value.size()) {
    if (!(seconds >= 0) || seconds > 1e9) return std::nullopt;
    return milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.999));  // Never a fraction too early.
  }
  const auto when = read_http_date(value);
  if (!when) return std::nullopt;
  const auto from = date.empty() ? std::optional(now) : read_http_date(date);
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(*when - from.value_or(now)));
}

std::chrono::milliseconds backoff(int attempt, double chance) {
  const auto full = std::min<std::int64_t>(60'000, std::int64_t{1000} << std::clamp(attempt - 1, 0, 10));
  return std::chrono::milliseconds(full - static_cast<std::int64_t>(static_cast<double>(full) / 2 * chance));
}

bool is_transient(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504 || status == 509;
}

}  // namespace kopial
