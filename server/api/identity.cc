// Signing in through identity providers, and what a person keeps for signing in: sessions, the second factor.
#include <fmt/format.h>

#include <algorithm>

#include "connectors/http/url.h"
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/session_answer.h"
#include "server/people/audit.h"
#include "server/people/directories.h"
#include "server/people/identity_providers.h"
#include "server/people/passkeys.h"
#include "server/people/second_factor.h"
#include "server/people/sessions.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kBindingCookie = "__Host-kopial-oidc=";

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
http::Response nothing() {
  http::Response response;
  response.status = 204;
  return response;
}

Result<void> note_in(const ApiCall& call, Tenant& tenant, const std::string& user, const std::string& name, std::string action, std::string object, std::string reason = {}) {
  return append_audit(tenant, {call.services.clock.now(), user, name, std::move(action), std::move(object), "", call.request.remote_address, call.request.request_id, std::move(reason)});
}
Result<void> note(const ApiCall& call, std::string action, std::string object) {
  if (!call.caller.tenant) return {};
  return note_in(call, call.tenant(), call.caller.user_id, call.caller.username, std::move(action), std::move(object));
}

// --- identity providers, for administrators

http::Response with_etag(int status, const IdentityProvider& provider) {
  auto response = json_answer(status, IdentityProviders::view(provider));
  response.headers.emplace_back("etag", '"' + std::to_string(provider.revision) + '"');
  return response;
}

Result<json::object> body_of(const ApiCall& call) {
  json::parse_options options;
  options.max_depth = 4;
  json::error_code bad;
  auto value = json::parse(call.request.body.empty() ? "{}" : call.request.body, bad, {}, options);
  if (bad || !value.is_object()) return Error{ErrorCode::invalid, "the body must be a JSON object"};
  return std::move(value.get_object());  // Its fields are checked by name where they are read.
}

Result<IdentityProvider> find(const ApiCall& call) {
  auto provider = call.services.identity_providers.find(call.tenant(), call.captures.front());
  if (!provider) return provider.error();
  if (!*provider) return Error{ErrorCode::not_found, "there is no such identity provider"};
  return **std::move(provider);
}

http::Response list(const ApiCall& call) {
  auto all = call.services.identity_providers.list(call.tenant());
  if (!all) return fail(call, all.error());
  json::array items;
  for (const auto& one : *all) items.push_back(IdentityProviders::view(one));
  return collection(std::move(items), "");
}

http::Response create(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto body = body_of(call);
  if (!body) return fail(call, body.error());
  IdentityProvider provider;
  if (auto read = IdentityProviders::read_fields(*body, provider); !read) return fail(call, read.error());
  if (auto kept = note(call, "identity_provider.create", provider.issuer); !kept) return fail(call, kept.error());
  auto made = call.services.identity_providers.create(call.tenant(), std::move(provider));
  return made ? with_etag(201, *made) : fail(call, made.error());
}

http::Response show(const ApiCall& call) {
  auto provider = find(call);
  return provider ? with_etag(200, *provider) : fail(call, provider.error());
}

http::Response change(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto provider = find(call);
  if (!provider) return fail(call, provider.error());
  auto body = body_of(call);
  if (!body) return fail(call, body.error());
  auto revision = if_match(call.request);
  if (!revision) return fail(call, revision.error());
  if (*revision) provider->revision = **revision;
  if (auto read = IdentityProviders::read_fields(*body, *provider); !read) return fail(call, read.error());
  if (auto kept = note(call, "identity_provider.change", provider->issuer); !kept) return fail(call, kept.error());
  auto done = call.services.identity_providers.update(call.tenant(), *std::move(provider));
  return done ? with_etag(200, *done) : fail(call, done.error());
}

http::Response remove(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto provider = find(call);
  if (!provider) return fail(call, provider.error());
  if (auto kept = note(call, "identity_provider.remove", provider->issuer); !kept) return fail(call, kept.error());
  auto done = call.services.identity_providers.remove(call.tenant(), provider->id);
  return done ? nothing() : fail(call, done.error());
}

http::Response check(const ApiCall& call) {
  auto provider = find(call);
  if (!provider) return fail(call, provider.error());
  auto done = call.services.identity_providers.check(call.tenant(), *provider);
  return json_answer(200, json::object{{"ok", done.ok()}, {"problem", done ? json::value(nullptr) : json::value(done.error().message)}});
}

// Who could still sign in while the identity providers are down; whether they and the directories answer now is tried.
http::Response rehearse(const ApiCall& call) {
  auto& services = call.services;
  auto directories = services.directories.list(call.tenant());
  if (!directories) return fail(call, directories.error());
  json::array tried;
  std::set<std::string> answering;
  for (const auto& one : *directories) {
    if (!one.passwords) continue;
    auto done = services.directories.check(call.tenant(), one, {});
    if (done) answering.insert(one.id);
    tried.push_back({{"directory", one.name}, {"ok", done.ok()}, {"problem", done ? json::value(nullptr) : json::value(done.error().message)}});
  }
  auto idps = services.identity_providers.list(call.tenant());
  if (!idps) return fail(call, idps.error());
  json::array asked;
  for (const auto& one : *idps) {
    if (!one.enabled) continue;
    auto done = services.identity_providers.check(call.tenant(), one);
    asked.push_back({{"identity_provider", one.name}, {"ok", done.ok()}, {"problem", done ? json::value(nullptr) : json::value(done.error().message)}});
  }
  auto& records = call.tenant().store().records();
  std::uint64_t users = 0, passkey = 0, password = 0, directory = 0, nobody = 0;
  json::array without;
  for (std::string after;;) {
    auto page = services.users.list(records, after, 1000);
    if (!page) return fail(call, page.error());
    for (const auto& user : *page) {
      if (user.disabled) continue;
      ++users;
      auto passkeys = Passkeys::list(records, user.id);
      if (!passkeys) return fail(call, passkeys.error());
      const bool alone = std::any_of(passkeys->begin(), passkeys->end(), [](const Passkey& one) { return one.key.user_verified; });
      auto person = find_person(records, user.id);
      if (!person) return fail(call, person.error());
      bool through = false;
      if (*person) {
        for (const auto& link : (*person)->links) through = through || (link.present && answering.contains(link.directory));
      }
      if (alone) ++passkey;
      else if (!user.password_hash.empty()) ++password;
      else if (through) ++directory;
      else if (++nobody <= 100) without.push_back(json::string(user.username));
    }
    if (page->size() < 1000) break;
    after = page->back().id;
  }
  if (auto kept = note(call, "sign_in.rehearse", fmt::format("{} of {} could not sign in", nobody, users)); !kept) return fail(call, kept.error());
  return json_answer(200, json::object{{"users", users}, {"by_passkey", passkey}, {"by_password", password}, {"by_directory", directory}, {"not_at_all", nobody},
                                       {"who_not", std::move(without)}, {"directories", std::move(tried)}, {"identity_providers", std::move(asked)}});
}

// --- signing in through one

http::Response providers(const ApiCall& call) {
  json::array items;  // Of a tenant that is not there: as of one that has none.
  auto tenant = call.services.tenants.open(call.request.parameter("tenant").value_or(""));
  if (tenant) {
    auto all = call.services.identity_providers.list(**tenant);
    if (!all) return fail(call, all.error());
    for (const auto& one : *all) {
      if (one.enabled) items.push_back({{"id", one.id}, {"name", one.name}});
    }
  }
  return collection(std::move(items), "");
}

http::Response start(const ApiCall& call) {
  auto body = read_object(call.request.body, {"tenant", "provider", "login_hint"});
  if (!body) return fail(call, body.error());
  auto tenant = required_string(*body, "tenant"), provider = required_string(*body, "provider"), hint = optional_string(*body, "login_hint", "", 200);
  for (const auto* one : {&tenant, &provider, &hint}) {
    if (!*one) return fail(call, one->error());
  }
  auto started = call.services.identity_providers.start(*tenant, *provider, *hint);
  if (!started) return fail(call, started.error());
  json::object out{{"url", started->url}};
  const bool browser = call.request.header("x-kopial-client") == "browser";
  if (!browser) out["binding"] = started->binding.reveal();
  auto response = json_answer(201, out);
  if (browser) {
    // Lax: the provider sends the browser back from another site.
    response.headers.emplace_back("set-cookie", std::string(kBindingCookie) + std::string(started->binding.reveal()) + "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600");
  }
  return response;
}

Result<SessionGrant> finish_with(const ApiCall& call, const std::string& state, const Secret& binding, const std::string& code, const std::string& issuer) {
  auto finished = call.services.identity_providers.finish(state, binding, code, issuer);
  if (!finished) return finished.error();
  auto grant = call.services.sessions.admit(finished->tenant, finished->user, "oidc: " + finished->provider, call.request.remote_address);
  if (!grant) return grant.error();
  auto kept = note_in(call, *finished->tenant, finished->user.id, finished->user.username, "session.create", "", "identity provider " + finished->provider);
  if (!kept) return kept.error();
  return grant;
}

http::Response finish(const ApiCall& call) {
  auto body = read_object(call.request.body, {"state", "binding", "code", "iss"});
  if (!body) return fail(call, body.error());
  auto state = required_string(*body, "state", 200), binding = required_string(*body, "binding", 2000), code = required_string(*body, "code", 4096), issuer = optional_string(*body, "iss");
  for (const auto* one : {&state, &binding, &code, &issuer}) {
    if (!*one) return fail(call, one->error());
  }
  auto grant = finish_with(call, *state, Secret(*binding), *code, *issuer);
  return grant ? session_answer(call, *grant) : fail(call, grant.error());
}

// Where the provider sends the browser. The page it lands on asks who is signed in, or shows what went wrong.
http::Response callback(const ApiCall& call) {
  std::string binding;
  if (const auto cookies = call.request.header("cookie")) {
    const auto at = cookies->find(kBindingCookie);
    if (at != std::string::npos) binding = cookies->substr(at + kBindingCookie.size(), cookies->find(';', at) - at - kBindingCookie.size());
  }
  const auto parameter = [&](std::string_view name) { return call.request.parameter(name).value_or(""); };
  http::Response response;
  response.status = 303;
  response.headers.emplace_back("set-cookie", std::string(kBindingCookie) + "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
  auto grant = !parameter("error").empty() ? Result<SessionGrant>(Error{ErrorCode::unauthenticated, "the identity provider refused the sign-in"})
                                           : finish_with(call, parameter("state").substr(0, 200), Secret(binding), parameter("code").substr(0, 4096), parameter("iss"));
  if (!grant) {
    response.headers.emplace_back("location", "/?sign_in_problem=" + percent_encode(grant.error().message));
    return response;
  }
  response.headers.emplace_back("set-cookie", session_cookie(*grant));
  response.headers.emplace_back("location", "/");
  return response;
}

// --- one's own sessions and second factor

http::Response my_sessions(const ApiCall& call) {
  auto all = call.services.sessions.sessions_of(call.caller.tenant, call.caller.user_id);
  if (!all) return fail(call, all.error());
  json::array items;
  for (const auto& one : *all) {
    items.push_back({{"id", one.id}, {"created_at", format_rfc3339(one.created_at)}, {"expires_at", time_or_null(one.expires_at)}, {"how", one.how},
                     {"remote_address", one.remote_address}, {"current", one.id == call.caller.session_id}});
  }
  return collection(std::move(items), "");
}

http::Response end_session(const ApiCall& call) {
  auto ended = call.services.sessions.end_session(call.caller.tenant, call.caller.user_id, call.captures.front());
  if (!ended) return fail(call, ended.error());
  if (auto kept = note(call, "session.end", call.captures.front().substr(0, 16)); !kept) return fail(call, kept.error());
  return nothing();
}

http::Response end_sessions_of(const ApiCall& call) {
  if (auto kept = note(call, "session.end_all", call.captures.front()); !kept) return fail(call, kept.error());
  auto ended = call.services.sessions.end_all(call.caller.tenant, call.captures.front());
  return ended ? nothing() : fail(call, ended.error());
}

http::Response verify(const ApiCall& call) {
  auto body = read_object(call.request.body, {"password", "totp"});
  if (!body) return fail(call, body.error());
  auto password = optional_string(*body, "password"), code = optional_string(*body, "totp", "", 100);
  if (!password) return fail(call, password.error());
  if (!code) return fail(call, code.error());
  auto done = call.services.sessions.confirm(call.caller, Secret(*password), *code, call.request.remote_address);
  return done ? nothing() : fail(call, done.error());
}

http::Response change_password(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto body = read_object(call.request.body, {"password"});
  if (!body) return fail(call, body.error());
  auto password = required_string(*body, "password");
  if (!password) return fail(call, password.error());
  if (auto kept = note(call, "password.change", call.caller.username); !kept) return fail(call, kept.error());
  auto done = call.services.sessions.change_password(call.caller, Secret(*password));
  return done ? nothing() : fail(call, done.error());
}

SecondFactor factor_of(const ApiCall& call, const std::string& user) { return {call.services.sessions.records_of(call.caller.tenant), user}; }

http::Response factor(const ApiCall& call) {
  auto state = factor_of(call, call.caller.user_id).state();
  if (!state) return fail(call, state.error());
  return json_answer(200, json::object{{"active", state->active}, {"recovery_codes", state->recovery_codes}});
}

http::Response start_factor(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto started = factor_of(call, call.caller.user_id).start(call.caller.username);
  if (!started) return fail(call, started.error());
  return json_answer(201, json::object{{"secret", started->secret.reveal()}, {"uri", started->uri}});
}

http::Response confirm_factor(const ApiCall& call) {
  auto body = read_object(call.request.body, {"totp"});
  if (!body) return fail(call, body.error());
  auto code = required_string(*body, "totp", 100);
  if (!code) return fail(call, code.error());
  if (auto kept = note(call, "second_factor.create", call.caller.username); !kept) return fail(call, kept.error());
  auto codes = factor_of(call, call.caller.user_id).confirm(*code, call.services.clock.now());
  if (!codes) return fail(call, codes.error());
  json::array out;
  for (const auto& one : *codes) out.push_back(json::string(one.reveal()));
  return json_answer(200, json::object{{"recovery_codes", std::move(out)}});
}

http::Response remove_factor(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto kept = note(call, "second_factor.remove", call.caller.username); !kept) return fail(call, kept.error());
  auto passkeys = Passkeys::list(call.services.sessions.records_of(call.caller.tenant), call.caller.user_id);
  if (!passkeys) return fail(call, passkeys.error());
  auto done = factor_of(call, call.caller.user_id).remove(passkeys->empty());  // The codes stand in for passkeys, too.
  return done ? nothing() : fail(call, done.error());
}

// For somebody whose account at the provider is another one now: his next sign-in binds anew.
http::Response unbind(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto kept = note(call, "identity.unbind", call.captures.front()); !kept) return fail(call, kept.error());
  auto done = call.services.identity_providers.unbind(call.tenant(), call.captures.front());
  if (!done) return fail(call, done.error());
  return *done > 0 ? nothing() : fail(call, {ErrorCode::not_found, "this user is bound to no identity"});
}

// For somebody who lost his phone and his recovery codes: an administrator knows him.
http::Response remove_factor_of(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto kept = note(call, "second_factor.remove", call.captures.front()); !kept) return fail(call, kept.error());
  auto done = factor_of(call, call.captures.front()).remove(true);
  return done ? nothing() : fail(call, done.error());
}

}  // namespace

void add_identity_routes(Api& api) {
  const std::string tenant = "/api/v1/tenants/{t}", idps = tenant + "/identity-providers", sessions = "/api/v1/sessions", me = "/api/v1/me";
  api.add({"GET", idps, Need::administrator, list});
  api.add({"POST", idps, Need::administrator, create, 128 << 10});
  api.add({"POST", tenant + "/outage-rehearsal", Need::administrator, rehearse});
  api.add({"GET", idps + "/{i}", Need::administrator, show});
  api.add({"PATCH", idps + "/{i}", Need::administrator, change, 128 << 10});
  api.add({"DELETE", idps + "/{i}", Need::administrator, remove});
  api.add({"POST", idps + "/{i}/check", Need::administrator, check});
  api.add({"GET", sessions + "/providers", Need::nobody, providers});
  api.add({"POST", sessions + "/oidc", Need::nobody, start, 16 << 10});
  api.add({"POST", sessions + "/oidc/finish", Need::nobody, finish, 16 << 10});
  api.add({"GET", sessions + "/oidc/callback", Need::nobody, callback});
  api.add({"POST", sessions + "/current/verify", Need::anyone, verify, 16 << 10});
  api.add({"POST", me + "/password", Need::anyone, change_password, 16 << 10});
  api.add({"GET", me + "/sessions", Need::anyone, my_sessions});
  api.add({"DELETE", me + "/sessions/{s}", Need::anyone, end_session});
  api.add({"GET", me + "/second-factor", Need::anyone, factor});
  api.add({"POST", me + "/second-factor", Need::anyone, start_factor});
  api.add({"POST", me + "/second-factor/confirm", Need::anyone, confirm_factor, 16 << 10});
  api.add({"DELETE", me + "/second-factor", Need::anyone, remove_factor});
  api.add({"DELETE", tenant + "/users/{u}/sessions", Need::administrator, end_sessions_of});
  api.add({"DELETE", tenant + "/users/{u}/identities", Need::administrator, unbind});
  api.add({"DELETE", tenant + "/users/{u}/second-factor", Need::administrator, remove_factor_of});
}

}  // namespace kopial
