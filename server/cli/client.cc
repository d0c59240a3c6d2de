#include "server/cli/client.h"

#include <fmt/format.h>

#include "connectors/http/url.h"
#include "storage/base/files.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

constexpr std::uint64_t kCaBytesMax = 1 << 20;

ErrorCode code_of(int status) {
  switch (status) {
    case 400: return ErrorCode::invalid;
    case 401: return ErrorCode::unauthenticated;
    case 403: return ErrorCode::denied;
    case 404: return ErrorCode::not_found;
    case 409: return ErrorCode::conflict;
    case 413: return ErrorCode::too_large;
    case 429: return ErrorCode::rate_limited;
    case 503: return ErrorCode::unavailable;
    case 507: return ErrorCode::disk_full;
    default: return ErrorCode::internal;
  }
}

Error problem(const HttpResponse& response) {
  json::error_code bad;
  const auto body = json::parse(response.body, bad);
  std::string detail = bad ? "" : field(body, "detail");
  if (detail.empty()) detail = fmt::format("the server answered {} without saying why; is this Kopial?", response.status);
  if (response.status == 401) detail += " (kopial login, or KOPIAL_TOKEN)";
  if (const auto id = bad ? "" : field(body, "request_id"); response.status >= 500 && !id.empty()) detail += fmt::format(" (request {} in the log)", id);
  return {code_of(response.status), detail};
}

std::string with_query(std::string path, const Query& query) {
  char separator = '?';
  for (const auto& [name, value] : query) {
    path += separator + name + "=" + percent_encode(value);
    separator = '&';
  }
  return path;
}

Result<json::value> parsed(const Result<HttpResponse>& response) {
  if (!response) return response.error();
  if (response->body.empty()) return json::value(nullptr);
  json::error_code bad;
  auto value = json::parse(response->body, bad);
  if (bad) return Error{ErrorCode::internal, "the server's answer is not JSON; is this Kopial?"};
  return value;
}

}  // namespace

Result<Client> Client::connect(const Access& access) {
  HttpClientOptions options;
  if (!access.ca_file.empty()) {
    auto pem = read_file(access.ca_file, kCaBytesMax);
    if (!pem) return pem.error().with_context("--ca-file");
    options.ca_pem = *pem;
  }
  auto http = HttpClient::make(std::move(options));
  if (!http) return http.error();
  return Client(access, *std::move(http));
}

Result<HttpResponse> Client::send(HttpRequest request) const {
  request.url = access_.url + request.url;
  if (!access_.token.empty()) request.headers.emplace_back("Authorization", "Bearer " + std::string(access_.token.reveal()));
  auto response = http_->send(request, {});
  if (!response) return response.error();
  if (response->status < 200 || response->status > 299) return problem(*response);
  return response;
}

Result<json::value> Client::get(const std::string& path, const Query& query) const {
  HttpRequest request;
  request.url = with_query(path, query);
  return parsed(send(std::move(request)));
}

Result<json::value> Client::send_json(const std::string& method, const std::string& path, const json::value& body) const {
  HttpRequest request;
  request.method = method;
  request.url = path;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = json::serialize(body);
  return parsed(send(std::move(request)));
}

Result<json::value> Client::post(const std::string& path, const json::value& body) const { return send_json("POST", path, body); }
Result<json::value> Client::patch(const std::string& path, const json::value& body) const { return send_json("PATCH", path, body); }

Result<json::value> Client::remove(const std::string& path) const {
  HttpRequest request;
  request.method = "DELETE";
  request.url = path;
  return parsed(send(std::move(request)));
}

Result<json::value> Client::post_message(const std::string& path, const Query& query, Bytes message) const {
  HttpRequest request;
  request.method = "POST";
  request.url = with_query(path, query);
  request.headers.emplace_back("Content-Type", "message/rfc822");
  request.body = std::move(message);
  return parsed(send(std::move(request)));
}

Result<Bytes> Client::get_bytes(const std::string& path) const {
  HttpRequest request;
  request.url = path;
  auto response = send(std::move(request));
  if (!response) return response.error();
  return std::move(response->body);
}

Result<json::array> Client::get_all(const std::string& path, std::size_t count_max) const {
  json::array all;
  std::string after;
  do {
    Query query{{"limit", "1000"}};
    if (!after.empty()) query.emplace_back("after", after);
    auto page = get(path, query);
    if (!page) return page.error();
    for (const auto& item : list(*page, "items")) all.push_back(item);
    after = field(*page, "next");
  } while (!after.empty() && all.size() < count_max);
  return all;
}

std::string of_tenant(const std::string& tenant, std::string_view rest) { return fmt::format("/api/v1/tenants/{}/{}", percent_encode(tenant), rest); }

std::string field(const json::value& object, std::string_view name) {
  const auto* members = object.if_object();
  const auto* value = members == nullptr ? nullptr : members->if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  if (value->is_double()) return fmt::format("{:g}", value->get_double());
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::int64_t number(const json::value& object, std::string_view name) {
  const auto* members = object.if_object();
  const auto* value = members == nullptr ? nullptr : members->if_contains(name);
  json::error_code bad;
  const auto found = value != nullptr && value->is_number() ? value->to_number<std::int64_t>(bad) : 0;
  return bad ? 0 : found;
}

const json::array& list(const json::value& object, std::string_view name) {
  static const json::array kNone;
  const auto* members = object.if_object();
  const auto* value = members == nullptr ? nullptr : members->if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

}  // namespace kopial::cli
