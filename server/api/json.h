// Strict reading of request bodies and small helpers for answers.
#pragma once

#include <boost/json.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

#include "server/http/message.h"
#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

// The body as an object that has only `allowed` fields; unknown ones are refused by name. Depth and size are bounded.
Result<boost::json::object> read_object(std::string_view body, std::initializer_list<std::string_view> allowed);

// Typed fields. Missing and null are the same; `required_*` fail with invalid and name the field, as does a wrong type.
Result<std::string> required_string(const boost::json::object& object, std::string_view field, std::size_t bytes_max = 1024);
Result<std::string> optional_string(const boost::json::object& object, std::string_view field, std::string fallback = {},
                                    std::size_t bytes_max = 1024);
Result<bool> optional_bool(const boost::json::object& object, std::string_view field, bool fallback);
Result<std::vector<std::string>> optional_strings(const boost::json::object& object, std::string_view field,
                                                  std::size_t count_max = 1000);

http::Response json_answer(int status, const boost::json::value& value);
// {"items": […], "next": "…" or null}
http::Response collection(boost::json::array items, std::string_view next);
// ?limit= in 1..1000 (default 50) and ?after=; invalid otherwise.
struct PageRequest {
  std::size_t limit = 50;
  std::string after;
};
Result<PageRequest> page_request(const http::Request& request);
boost::json::value time_or_null(const std::optional<Time>& time);

}  // namespace kopial
