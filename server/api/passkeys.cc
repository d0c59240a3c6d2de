// Passkeys: one's own, signing in with them, and showing with them once more that it is you. App passwords, and new recovery codes.
#include "server/people/passkeys.h"

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/session_answer.h"
#include "server/people/audit.h"
#include "server/people/second_factor.h"
#include "server/people/sessions.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
http::Response nothing() {
  http::Response response;
  response.status = 204;
  return response;
}

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  if (!call.caller.tenant) return {};
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "", call.request.remote_address,
                                      call.request.request_id});
}

Records& records(const ApiCall& call) { return call.services.sessions.records_of(call.caller.tenant); }

json::object view(const Passkey& passkey) {
  return {{"id", passkey.id}, {"name", passkey.name}, {"created_at", format_rfc3339(passkey.created_at)}, {"used_at", time_or_null(passkey.used_at)},
          {"alone", passkey.key.user_verified}, {"synced", passkey.key.synced}};
}

json::array shown(const std::vector<Secret>& codes) {
  json::array out;
  for (const auto& one : codes) out.push_back(json::string(one.reveal()));
  return out;
}

// What a browser gives: its fields are the browser's, and grow; those that matter are read where they are checked.
Result<json::object> credential_of(const json::object& body) {
  const auto* given = body.if_contains("credential");
  if (given == nullptr || !given->is_object()) return Error{ErrorCode::invalid, "'credential' must be what the browser gave, as an object"};
  return given->get_object();
}

// The answer to a challenge of ours.
struct ChallengeAnswer {
  std::string state;
  json::object credential;
};
Result<ChallengeAnswer> response_of(const ApiCall& call) {
  auto body = read_object(call.request.body, {"state", "credential"});
  if (!body) return body.error();
  auto state = required_string(*body, "state");
  if (!state) return state.error();
  auto credential = credential_of(*body);
  if (!credential) return credential.error();
  return ChallengeAnswer{*std::move(state), *std::move(credential)};
}

http::Response challenge(const ApiCall& call, const Result<Passkeys::Challenge>& made) {
  return made ? json_answer(201, json::object{{"state", made->state}, {"options", made->options}}) : fail(call, made.error());
}

http::Response list(const ApiCall& call) {
  auto all = Passkeys::list(records(call), call.caller.user_id);
  if (!all) return fail(call, all.error());
  json::array items;
  for (const auto& one : *all) items.push_back(view(one));
  return collection(std::move(items), "");
}

http::Response start_adding(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto user = call.services.users.by_id(records(call), call.caller.user_id);
  if (!user) return fail(call, user.error());
  if (!*user) return fail(call, {ErrorCode::not_found, "there is no such user"});
  return challenge(call, call.services.passkeys.start_adding(records(call), call.caller.tenant ? call.tenant().facts().slug : "", **user));
}

http::Response add(const ApiCall& call) {
  auto body = read_object(call.request.body, {"state", "name", "credential"});
  if (!body) return fail(call, body.error());
  auto state = required_string(*body, "state"), name = required_string(*body, "name", 200);
  auto credential = credential_of(*body);
  if (!state) return fail(call, state.error());
  if (!name) return fail(call, name.error());
  if (!credential) return fail(call, credential.error());
  if (call.caller.is_token) return fail(call, {ErrorCode::denied, "an API token cannot do this: sign in for it"});
  if (auto kept = note(call, "passkey.create", *name); !kept) return fail(call, kept.error());
  auto made = call.services.passkeys.add(records(call), *state, call.caller.user_id, *name, *credential);
  if (!made) return fail(call, made.error());
  auto out = view(*made);
  out["recovery_codes"] = nullptr;
  SecondFactor factor(records(call), call.caller.user_id);
  auto codes = factor.state();
  if (!codes) return fail(call, codes.error());
  if (codes->recovery_codes == 0) {  // A password alone is no longer enough: a lost key must not be the end.
    auto fresh = factor.new_recovery_codes();
    if (!fresh) return fail(call, fresh.error());
    out["recovery_codes"] = shown(*fresh);
  }
  return json_answer(201, out);
}

http::Response remove(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto kept = note(call, "passkey.remove", call.captures.front()); !kept) return fail(call, kept.error());
  auto done = Passkeys::remove(records(call), call.caller.user_id, call.captures.front());
  return done ? nothing() : fail(call, done.error());
}

// For somebody who lost them all: an administrator knows him.
http::Response remove_of(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto kept = note(call, "passkey.remove_all", call.captures.front()); !kept) return fail(call, kept.error());
  auto done = Passkeys::remove_all(records(call), call.captures.front());
  return done ? nothing() : fail(call, done.error());
}

http::Response new_codes(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto kept = note(call, "second_factor.recovery_codes", call.caller.username); !kept) return fail(call, kept.error());
  auto codes = SecondFactor(records(call), call.caller.user_id).new_recovery_codes();
  return codes ? json_answer(200, json::object{{"recovery_codes", shown(*codes)}}) : fail(call, codes.error());
}

// --- signing in

http::Response start(const ApiCall& call) {
  auto body = read_object(call.request.body, {"tenant", "username", "password"});
  if (!body) return fail(call, body.error());
  auto tenant = optional_string(*body, "tenant", "", 100), username = optional_string(*body, "username"), password = optional_string(*body, "password");
  for (const auto* one : {&tenant, &username, &password}) {
    if (!*one) return fail(call, one->error());
  }
  return challenge(call, call.services.sessions.start_passkey({*tenant, *username, call.request.remote_address}, Secret(*password)));
}

http::Response finish(const ApiCall& call) {
  auto response = response_of(call);
  if (!response) return fail(call, response.error());
  auto admitted = call.services.sessions.sign_in_with_passkey(response->state, response->credential, call.request.remote_address);
  if (!admitted) return fail(call, admitted.error());
  if (!admitted->tenant.empty()) {
    auto tenant = call.services.tenants.open(admitted->tenant);
    if (!tenant) return fail(call, tenant.error());
    const auto& user = admitted->grant.user;
    auto kept = append_audit(**tenant, {call.services.clock.now(), user.id, user.username, "session.create", "", "", call.request.remote_address, call.request.request_id, "passkey"});
    if (!kept) return fail(call, kept.error());
  }
  return session_answer(call, admitted->grant);
}

http::Response start_confirming(const ApiCall& call) { return challenge(call, call.services.sessions.start_confirming(call.caller)); }

http::Response confirm(const ApiCall& call) {
  auto response = response_of(call);
  if (!response) return fail(call, response.error());
  auto done = call.services.sessions.confirm_with_passkey(call.caller, response->state, response->credential, call.request.remote_address);
  return done ? nothing() : fail(call, done.error());
}

}  // namespace

void add_passkey_routes(Api& api) {
  const std::string me = "/api/v1/me", sessions = "/api/v1/sessions";
  constexpr std::uint64_t kBody = 64 << 10;
  api.add({"GET", me + "/passkeys", Need::anyone, list});
  api.add({"POST", me + "/passkeys", Need::anyone, add, kBody});
  api.add({"POST", me + "/passkeys/start", Need::anyone, start_adding});
  api.add({"DELETE", me + "/passkeys/{k}", Need::anyone, remove});
  api.add({"POST", me + "/second-factor/recovery-codes", Need::anyone, new_codes});
  api.add({"DELETE", "/api/v1/tenants/{t}/users/{u}/passkeys", Need::administrator, remove_of});
  api.add({"POST", sessions + "/passkey/start", Need::nobody, start, 16 << 10});
  api.add({"POST", sessions + "/passkey", Need::nobody, finish, kBody});
  api.add({"POST", sessions + "/current/verify/passkey/start", Need::anyone, start_confirming});
  api.add({"POST", sessions + "/current/verify/passkey", Need::anyone, confirm, kBody});
}

}  // namespace kopial
