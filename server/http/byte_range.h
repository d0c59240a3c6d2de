// The Range field of a request for one stretch of bytes (RFC 9110 section 14). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "server/http/message.h"

namespace kopial::http {

struct ByteRange {
  std::uint64_t offset = 0, size = 0;
  bool partial = false;  // 206 and Content-Range, else all of it
};

// What is asked for of a body of `total` bytes whose ETag is `etag`. Several ranges, other units, what cannot be read, and a range
// that If-Range makes for another body ask for all of it, as the RFC wants. nullopt: nothing of it lies in the body (416).
std::optional<ByteRange> requested_range(const Request& request, std::uint64_t total, std::string_view etag);

// The status and fields of such an answer, without its body; of nullopt the whole 416.
Response ranged_response(const std::optional<ByteRange>& range, std::uint64_t total, std::string_view etag, std::string_view request_id);

}  // namespace kopial::http
