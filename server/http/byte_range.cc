#include "server/http/byte_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kopial::http {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ByteRange> requested_range(const Request& request, std::uint64_t total, std::string_view etag) {
  const ByteRange all{0, total, false};
  const auto field = request.header("range");
  if (!field) return all;
  if (const auto made_for = request.header("if-range"); made_for && *made_for != etag) return all;
  std::string_view text = *field;
  constexpr std::string_view kUnit = "bytes=";
  if (!text.starts_with(kUnit)) return all;
  text.remove_prefix(kUnit.size());
  const auto dash = text.find('-');
  if (dash == text.npos || text.find(',') != text.npos) return all;
  const auto first = text.substr(0, dash), last = text.substr(dash + 1);
  if (first.empty()) {  // The last so many bytes.
    const auto count = number(last);
    if (!count) return all;
    if (*count == 0 || total == 0) return std::nullopt;
    const auto size = std::min(*count, total);
    return ByteRange{total - size, size, true};
  }
  const auto from = number(first);
  const auto to = last.empty() ? std::optional<std::uint64_t>(~std::uint64_t{0}) : number(last);
  if (!from || !to || *to < *from) return all;
  if (*from >= total) return std::nullopt;
  return ByteRange{*from, std::min(*to, total - 1) - *from + 1, true};
}

Response ranged_response(const std::optional<ByteRange>& range, std::uint64_t total, std::string_view etag, std::string_view request_id) {
  if (!range) {
    auto response = problem({ErrorCode::invalid, fmt::format("the range asked for lies behind the end: there are {} bytes", total)}, request_id);
    response.status = 416;
    response.headers.emplace_back("content-range", fmt::format("bytes */{}", total));
    return response;
  }
  Response response;
  response.headers = {{"accept-ranges", "bytes"}, {"etag", std::string(etag)}};
  if (range->partial) {
    response.status = 206;
    response.headers.emplace_back("content-range", fmt::format("bytes {}-{}/{}", range->offset, range->offset + range->size - 1, total));
  }
  response.stream_length = range->size;
  return response;
}

}  // namespace kopial::http
