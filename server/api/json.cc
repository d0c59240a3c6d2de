#include "server/api/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kopial {
namespace json = boost::json;
namespace {

Error wrong(std::string_view field, std::string_view expected) {
  return {ErrorCode::invalid, fmt::format("'{}' must be {}", field, expected)};
}

const json::value* find(const json::object& object, std::string_view field) {
  const auto* value = object.if_contains(field);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

}  // namespace

Result<json::object> read_object(std::string_view body, std::initializer_list<std::string_view> allowed) {
  json::parse_options options;
  options.max_depth = 16;
  json::error_code bad;
  auto value = json::parse(body.empty() ? std::string_view("{}") : body, bad, {}, options);
  if (bad) return Error{ErrorCode::invalid, "the body is not JSON: " + bad.message()};
  if (!value.is_object()) return Error{ErrorCode::invalid, "the body must be a JSON object"};
  for (const auto& field : value.get_object()) {
    if (std::find(allowed.begin(), allowed.end(), std::string_view(field.key())) != allowed.end()) continue;
    return Error{ErrorCode::invalid, fmt::format("the field '{}' is not known here; {} are", std::string_view(field.key()).substr(0, 100),
                                                 fmt::join(allowed, ", "))};
  }
  return std::move(value.get_object());
}

Result<std::string> required_string(const json::object& object, std::string_view field, std::size_t bytes_max) {
  auto text = optional_string(object, field, {}, bytes_max);
  if (text && text->empty()) return Error{ErrorCode::invalid, fmt::format("'{}' is missing", field)};
  return text;
}

Result<std::string> optional_string(const json::object& object, std::string_view field, std::string fallback, std::size_t bytes_max) {
  const auto* value = find(object, field);
  if (value == nullptr) return fallback;
  if (!value->is_string()) return wrong(field, "a string");
  if (value->get_string().size() > bytes_max) return wrong(field, fmt::format("at most {} bytes long", bytes_max));
  return std::string(value->get_string());
}

Result<bool> optional_bool(const json::object& object, std::string_view field, bool fallback) {
  const auto* value = find(object, field);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) return wrong(field, "true or false");
  return value->get_bool();
}

Result<std::vector<std::string>> optional_strings(const json::object& object, std::string_view field, std::size_t count_max) {
  std::vector<std::string> out;
  const auto* value = find(object, field);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(field, "a list of strings");
  if (value->get_array().size() > count_max) return wrong(field, fmt::format("a list of at most {} strings", count_max));
  for (const auto& one : value->get_array()) {
    if (!one.is_string() || one.get_string().size() > 1024) return wrong(field, "a list of strings of at most 1024 bytes");
    out.emplace_back(one.get_string());
  }
  return out;
}

http::Response json_answer(int status, const json::value& value) { return http::json_response(status, json::serialize(value)); }

http::Response collection(json::array items, std::string_view next) {
  return json_answer(200, json::object{{"items", std::move(items)}, {"next", next.empty() ? json::value(nullptr) : json::value(next)}});
}

Result<PageRequest> page_request(const http::Request& request) {
  PageRequest page;
  page.after = request.parameter("after").value_or("");
  if (page.after.size() > 1024) return Error{ErrorCode::invalid, "after is not a value of next"};
  if (const auto limit = request.parameter("limit")) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), page.limit);
    if (error != std::errc() || end != limit->data() + limit->size() || page.limit < 1 || page.limit > 1000) {
      return Error{ErrorCode::invalid, "limit must be a number from 1 to 1000"};
    }
  }
  return page;
}

json::value time_or_null(const std::optional<Time>& time) { return time ? json::value(format_rfc3339(*time)) : json::value(nullptr); }

}  // namespace kopial
