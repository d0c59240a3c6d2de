#include "server/api/api.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "server/api/idempotency.h"
#include "server/monitoring/metrics.h"
#include "server/people/audit.h"
#include "server/people/sessions.h"
#include "server/services.h"
#include "storage/base/encoding.h"
#include "storage/base/log.h"

namespace kopial {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 1; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::optional<std::string> decoded(std::string_view segment) {
  std::string out;
  for (std::size_t at = 0; at < segment.size(); ++at) {
    if (segment[at] != '%') {
      out += segment[at];
      continue;
    }
    unsigned byte = 0;
    const auto* first = segment.data() + at + 1;
    if (at + 2 >= segment.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(first, first + 2, byte, 16);
    if (error != std::errc() || end != first + 2 || byte == 0) return std::nullopt;
    out += static_cast<char>(byte);
    at += 2;
  }
  return out;
}

// What the browser's cookie carries, when the request is the browser application's.
std::optional<std::string> cookie_token(const http::Request& request) {
  const auto cookies = request.header("cookie");
  if (!cookies) return std::nullopt;
  constexpr std::string_view kName = "__Host-kopial=";
  for (std::size_t at = 0; at < cookies->size();) {
    auto end = std::min(cookies->find(';', at), cookies->size());
    auto one = std::string_view(*cookies).substr(at, end - at);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    if (one.starts_with(kName)) return std::string(one.substr(kName.size()));
    at = end + 1;
  }
  return std::nullopt;
}

Result<Caller> who_asks(const http::Request& request, Sessions& sessions) {
  if (const auto header = request.header("authorization")) {
    if (header->starts_with("Basic ") || header->starts_with("basic ")) {  // An app password; nobody is asked for one.
      const auto pair = base64_decode(std::string_view(*header).substr(6, 1000)).value_or("");
      const auto colon = pair.find(':');
      if (colon == std::string::npos) return Error{ErrorCode::unauthenticated, "Authorization: Basic takes organisation/user name and an app password"};
      return sessions.authenticate_program(pair.substr(0, colon), Secret(pair.substr(colon + 1)));
    }
    if (!header->starts_with("Bearer ") && !header->starts_with("bearer ")) {
      return Error{ErrorCode::unauthenticated, "Authorization must be 'Bearer TOKEN'"};
    }
    return sessions.authenticate(Secret(std::string_view(*header).substr(7)));
  }
  const auto token = cookie_token(request);
  if (!token) return Error{ErrorCode::unauthenticated, "sign in first: POST /api/v1/sessions"};
  // A cookie comes along with requests that other sites made the browser send; this field never does.
  if (request.header("x-kopial-client") != "browser") {
    return Error{ErrorCode::unauthenticated, "a cookie alone is not enough: send X-Kopial-Client: browser"};
  }
  return sessions.authenticate(Secret(*token));
}

}  // namespace

Result<std::optional<std::uint64_t>> if_match(const http::Request& request) {
  const auto header = request.header("if-match");
  if (!header || *header == "*") return std::optional<std::uint64_t>();
  std::uint64_t revision = 0;
  std::string_view text = *header;
  if (text.size() > 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc() || end != text.data() + text.size() || revision == 0) {
    return Error{ErrorCode::invalid, "If-Match must be an ETag of this resource"};
  }
  return std::optional(revision);
}

void Api::add(ApiRoute route) { routes_.push_back(std::move(route)); }

Api::Match Api::match(const http::Request& request) const {
  Match found;
  const auto path = segments_of(request.path);
  const auto method = request.method == "HEAD" ? std::string("GET") : request.method;
  for (const auto& route : routes_) {
    const auto pattern = segments_of(route.pattern);
    if (pattern.size() != path.size()) continue;
    std::vector<std::string> captures;
    std::string slug;
    bool fits = true;
    for (std::size_t i = 0; i < pattern.size() && fits; ++i) {
      if (!pattern[i].starts_with('{')) {
        fits = pattern[i] == path[i];
        continue;
      }
      auto value = decoded(path[i]);
      fits = value && !value->empty();
      if (!fits) break;
      if (pattern[i] == "{t}") slug = std::move(*value);
      else captures.push_back(std::move(*value));
    }
    if (!fits) continue;
    found.allowed.push_back(route.method);
    if (route.method == method && found.route == nullptr) {
      found.route = &route;
      found.slug = std::move(slug);
      found.captures = std::move(captures);
    }
  }
  return found;
}

std::uint64_t Api::body_limit(const http::Request& request) const {
  const auto found = match(request);
  return found.route != nullptr ? found.route->body_bytes_max : 64 << 10;
}

http::Response Api::handle(const http::Request& request) const {
  const auto started = std::chrono::steady_clock::now();
  const auto found = match(request);
  auto response = answer(found, request);
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const auto name = found.route != nullptr ? found.route->pattern : "other";
  services_.metrics.count_request(request.method, name, response.status, took);
  response.headers.emplace_back("x-request-id", request.request_id);
  response.headers.emplace_back("x-content-type-options", "nosniff");
  response.headers.emplace_back("referrer-policy", "no-referrer");
  const bool says = std::any_of(response.headers.begin(), response.headers.end(), [](const auto& one) { return one.first == "cache-control"; });
  if (!says) response.headers.emplace_back("cache-control", "no-store");
  // Paths hold ids only; queries, which may hold what somebody searched for, are not logged.
  spdlog::debug("{} {} {} {:.1f} ms {}", request.method, name, response.status, took * 1000, request.request_id);
  return response;
}

http::Response Api::answer(const Match& match, const http::Request& request) const {
  const auto fail = [&](const Error& error) { return http::problem(error, request.request_id); };
  if (match.route == nullptr) {
    if (!match.allowed.empty()) {
      auto response = fail({ErrorCode::invalid, fmt::format("{} is not possible here; {} is", request.method, fmt::join(match.allowed, ", "))});
      response.status = 405;
      response.headers.emplace_back("allow", fmt::format("{}", fmt::join(match.allowed, ", ")));
      return response;
    }
    const bool get = request.method == "GET" || request.method == "HEAD";
    if (fallback_ && get && !request.path.starts_with("/api/")) return fallback_(request);
    return fail({ErrorCode::not_found, "there is nothing at " + request.path.substr(0, 200)});
  }
  const auto& route = *match.route;
  Caller caller;
  if (route.need != Need::nobody) {
    auto known = who_asks(request, services_.sessions);
    if (!known) return fail(known.error());
    caller = *std::move(known);
    const bool tenant_route = route.pattern.find("{t}") != std::string::npos;
    // Of another tenant nothing is said, not even that it exists.
    if (tenant_route && caller.tenant && caller.tenant->facts().slug != match.slug) {
      return fail({ErrorCode::not_found, "there is no tenant '" + match.slug.substr(0, 63) + "' that you belong to"});
    }
    caller.purpose = request.parameter("purpose").value_or("").substr(0, 1000);
    const auto note = [&](std::string action, const std::string& reason) {
      return append_audit(*caller.tenant, {caller.at, caller.user_id, caller.username, std::move(action), request.method + " " + request.path.substr(0, 300),
                                           caller.purpose, request.remote_address, request.request_id, reason});
    };
    auto admitted = admit_by_grant(caller, route.need, services_.tenants, match.slug);
    if (!admitted) return fail(admitted.error());
    if (*admitted) {
      if (auto kept = note("system.access", "grant to this system administrator"); !kept) return fail(kept.error());
    }
    auto allowed = check_need(caller, route.need);
    if (allowed) allowed = check_method(caller, request.method);
    if (!allowed) {
      if (caller.tenant) {
        if (auto kept = note("access.denied", allowed.error().message); !kept) spdlog::warn("a denial could not be noted: {}", kept.error().message);
      }
      return fail(allowed.error());
    }
  }
  const auto act = [&] { return route.handler({request, caller, services_, match.slug, match.captures}); };
  try {
    if (request.method == "POST" && route.need != Need::nobody) return services_.idempotency.once(caller, request, act);
    return act();
  } catch (const std::exception& failure) {  // Ours never throw; a library's may, and one request must not end the daemon.
    spdlog::error("a request ended by an exception: {} {} {}: {}", request.method, route.pattern, request.request_id, failure.what());
    return fail({ErrorCode::internal, "the server met a defect of its own; the log has the details under this request id"});
  }
}

}  // namespace kopial
