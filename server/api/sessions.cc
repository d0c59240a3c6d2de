// Signing in and out. The browser application gets a cookie instead of a token, so that no script ever holds one.
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/session_answer.h"
#include "server/api/user_view.h"
#include "server/people/audit.h"
#include "server/people/sessions.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kCookie = "__Host-kopial=";
constexpr std::string_view kCookieRules = "; Path=/; Secure; HttpOnly; SameSite=Strict";

bool is_browser(const http::Request& request) { return request.header("x-kopial-client") == "browser"; }

Result<void> note(const ApiCall& call, const std::string& tenant, const User& user, std::string action) {
  if (tenant.empty()) return {};
  auto open = call.services.tenants.open(tenant);
  if (!open) return open.error();
  return append_audit(**open, {call.services.clock.now(), user.id, user.username, std::move(action), "", "", call.request.remote_address, call.request.request_id});
}

http::Response sign_in(const ApiCall& call) {
  const auto fail = [&](const Error& error) { return http::problem(error, call.request.request_id); };
  auto body = read_object(call.request.body, {"tenant", "username", "password", "totp"});
  if (!body) return fail(body.error());
  auto tenant = optional_string(*body, "tenant");
  auto username = required_string(*body, "username");
  auto password = required_string(*body, "password");
  auto totp = optional_string(*body, "totp");
  for (const auto* one : {&tenant, &username, &password, &totp}) {
    if (!*one) return fail(one->error());
  }
  auto grant = call.services.sessions.sign_in({*tenant, *username, call.request.remote_address}, Secret(*password), *totp);
  if (!grant) return fail(grant.error());
  if (auto kept = note(call, *tenant, grant->user, "session.create"); !kept) return fail(kept.error());
  return session_answer(call, *grant);
}

http::Response redeem(const ApiCall& call) {
  const auto fail = [&](const Error& error) { return http::problem(error, call.request.request_id); };
  auto body = read_object(call.request.body, {"tenant", "username", "code", "password", "totp"});
  if (!body) return fail(body.error());
  auto tenant = optional_string(*body, "tenant");
  auto username = required_string(*body, "username");
  auto code = required_string(*body, "code");
  auto password = required_string(*body, "password");
  auto totp = optional_string(*body, "totp", "", 100);
  for (const auto* one : {&tenant, &username, &code, &password, &totp}) {
    if (!*one) return fail(one->error());
  }
  auto grant = call.services.sessions.redeem({*tenant, *username, call.request.remote_address}, Secret(*code), Secret(*password), *totp);
  if (!grant) return fail(grant.error());
  if (auto kept = note(call, *tenant, grant->user, "session.redeem"); !kept) return fail(kept.error());
  return session_answer(call, *grant);
}

http::Response current(const ApiCall& call) {
  json::array roles;
  for (const auto role : call.caller.roles) roles.push_back(json::value(to_string(role)));
  const auto* tenant = call.caller.tenant ? &call.caller.tenant->facts() : nullptr;
  return json_answer(200, json::object{{"user",
                                        {{"id", call.caller.user_id},
                                         {"username", call.caller.username},
                                         {"display_name", call.caller.display_name},
                                         {"roles", std::move(roles)}}},
                                       {"tenant", tenant == nullptr ? json::value(nullptr) : json::value({{"slug", tenant->slug}, {"name", tenant->name}})}});
}

http::Response sign_out(const ApiCall& call) {
  if (auto ended = call.services.sessions.end(call.caller); !ended) return http::problem(ended.error(), call.request.request_id);
  http::Response response;
  response.status = 204;
  response.headers.emplace_back("set-cookie", std::string(kCookie) + "; Max-Age=0" + std::string(kCookieRules));
  return response;
}

}  // namespace

std::string session_cookie(const SessionGrant& grant) { return std::string(kCookie) + std::string(grant.token.reveal()) + std::string(kCookieRules); }

http::Response session_answer(const ApiCall& call, const SessionGrant& grant) {
  json::object out{{"expires_at", format_rfc3339(grant.expires_at)}, {"user", user_view(grant.user)}};
  if (!is_browser(call.request)) out["token"] = grant.token.reveal();
  auto response = json_answer(201, out);
  if (is_browser(call.request)) response.headers.emplace_back("set-cookie", session_cookie(grant));
  return response;
}

void add_session_routes(Api& api) {
  api.add({"POST", "/api/v1/sessions", Need::nobody, sign_in, 16 << 10});
  api.add({"POST", "/api/v1/sessions/redeem", Need::nobody, redeem, 16 << 10});
  // A session of the system may look at itself, too: what is needed is checked by there being a caller at all.
  api.add({"GET", "/api/v1/sessions/current", Need::anyone, current});
  api.add({"DELETE", "/api/v1/sessions/current", Need::anyone, sign_out});
}

}  // namespace kopial
