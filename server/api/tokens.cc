// API tokens, for scripts, limited to some of their user's roles; app passwords, for programs that know HTTP Basic only.
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/people/audit.h"
#include "server/people/sessions.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

json::object view(const ApiToken& token) {
  json::array scopes;
  for (const auto& scope : token.scopes) scopes.push_back(json::string(scope));
  return {{"id", token.id}, {"name", token.name}, {"scopes", std::move(scopes)}, {"expires_at", time_or_null(token.expires_at)}, {"created_at", format_rfc3339(token.created_at)}};
}

http::Response list_those(const ApiCall& call, ApiToken::Kind kind) {
  auto tokens = call.services.sessions.tokens(call.caller, kind);
  if (!tokens) return fail(call, tokens.error());
  json::array items;
  for (const auto& token : *tokens) items.push_back(view(token));
  return collection(std::move(items), "");
}

http::Response create_one(const ApiCall& call, ApiToken::Kind kind) {
  const bool app = kind == ApiToken::Kind::app_password;
  // What lasts is made by a person, not by what it outlasts: a token that ends could else make one that does not.
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto body = app ? read_object(call.request.body, {"name", "expires_at"}) : read_object(call.request.body, {"name", "scopes", "expires_at"});
  if (!body) return fail(call, body.error());
  auto name = required_string(*body, "name", 200);
  auto scopes = optional_strings(*body, "scopes", 10);
  auto expires = optional_string(*body, "expires_at");
  if (!name) return fail(call, name.error());
  if (!scopes) return fail(call, scopes.error());
  if (!expires) return fail(call, expires.error());
  const auto until = parse_rfc3339(*expires);
  if (!expires->empty() && !until) return fail(call, {ErrorCode::invalid, "'expires_at' is not a time; write 2026-11-24T00:00:00Z"});
  if (auto kept = note(call, app ? "app_password.create" : "token.create", *name); !kept) return fail(call, kept.error());
  auto made = call.services.sessions.create_token(call.caller, kind, *name, *scopes, until);
  if (!made) return fail(call, made.error());
  auto out = view(made->token);
  if (app) out["username"] = call.tenant().facts().slug + "/" + call.caller.username;
  out[app ? "password" : "token"] = made->secret.reveal();
  return json_answer(201, out);
}

http::Response remove_one(const ApiCall& call, ApiToken::Kind kind) {
  if (auto kept = note(call, kind == ApiToken::Kind::token ? "token.remove" : "app_password.remove", call.captures.front()); !kept) return fail(call, kept.error());
  if (auto removed = call.services.sessions.remove_token(call.caller, kind, call.captures.front()); !removed) return fail(call, removed.error());
  http::Response response;
  response.status = 204;
  return response;
}

}  // namespace

void add_token_routes(Api& api) {
  const std::pair<std::string, ApiToken::Kind> kinds[] = {{"/api/v1/tenants/{t}/tokens", ApiToken::Kind::token}, {"/api/v1/tenants/{t}/app-passwords", ApiToken::Kind::app_password}};
  for (const auto& [path, kind] : kinds) {
    api.add({"GET", path, Need::member, [kind = kind](const ApiCall& call) { return list_those(call, kind); }});
    api.add({"POST", path, Need::member, [kind = kind](const ApiCall& call) { return create_one(call, kind); }});
    api.add({"DELETE", path + "/{k}", Need::member, [kind = kind](const ApiCall& call) { return remove_one(call, kind); }});
  }
}

}  // namespace kopial
