#include "server/http/message.h"

#include <boost/json.hpp>

namespace kopial::http {
namespace {

std::string_view title_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid: return "The request is wrong";
    case ErrorCode::unauthenticated: return "Sign in first";
    case ErrorCode::denied: return "Not allowed";
    case ErrorCode::not_found: return "Not found";
    case ErrorCode::conflict: return "It was changed meanwhile, or exists already";
    case ErrorCode::held: return "A hold or a retention period forbids it";
    case ErrorCode::too_large: return "Too large";
    case ErrorCode::rate_limited: return "Too many requests";
    case ErrorCode::unavailable: return "Not available now";
    case ErrorCode::disk_full: return "The disk is full";
    case ErrorCode::corrupt: return "What is stored is damaged";
    case ErrorCode::timeout: return "No answer in time";
    case ErrorCode::cancelled: return "Stopped";
    case ErrorCode::internal: return "A defect of the server";
  }
  return "A defect of the server";
}

std::optional<std::string> find(const std::vector<std::pair<std::string, std::string>>& pairs, std::string_view wanted) {
  for (const auto& [name, value] : pairs) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> Request::header(std::string_view lower_case_name) const { return find(headers, lower_case_name); }
std::optional<std::string> Request::parameter(std::string_view name) const { return find(query, name); }

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid: return 400;
    case ErrorCode::unauthenticated: return 401;
    case ErrorCode::denied: return 403;
    case ErrorCode::not_found: return 404;
    case ErrorCode::conflict: return 409;
    case ErrorCode::held: return 423;
    case ErrorCode::too_large: return 413;
    case ErrorCode::rate_limited: return 429;
    case ErrorCode::unavailable: return 503;
    case ErrorCode::disk_full: return 507;
    case ErrorCode::timeout: return 504;
    case ErrorCode::cancelled: return 503;
    case ErrorCode::corrupt: return 500;
    case ErrorCode::internal: return 500;
  }
  return 500;
}

Response json_response(int status, std::string json) {
  Response response;
  response.status = status;
  response.headers.emplace_back("content-type", "application/json");
  response.body = std::move(json);
  return response;
}

Response problem(const Error& error, std::string_view request_id) {
  const int status = status_of(error.code);
  const std::string code(to_string(error.code));
  auto response = json_response(status, boost::json::serialize(boost::json::object{{"type", "about:blank"},
                                                                                   {"title", title_of(error.code)},
                                                                                   {"status", status},
                                                                                   {"code", code},
                                                                                   {"detail", error.message},
                                                                                   {"request_id", request_id}}));
  response.headers.front().second = "application/problem+json";
  if (status == 503 || status == 429) response.headers.emplace_back("retry-after", "2");
  if (status == 401) response.headers.emplace_back("www-authenticate", "Bearer");
  return response;
}

}  // namespace kopial::http
