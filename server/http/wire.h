// Between Beast's messages and ours: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/asio.h"
#include "server/http/message.h"

namespace kopial::http {

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
// Method, path, query and headers; nullopt when the target cannot be read.
std::optional<Request> read_head(const beast::http::request_header<>& head);
// Status line and headers, up to and with the empty line. Control characters in values are left out.
std::string write_head(const Response& response, bool keep_alive, bool chunked, std::optional<std::uint64_t> length);

}  // namespace kopial::http
