// Trying a credential: what it may do, and what to mend.
#include <boost/json.hpp>

#include "config/settings.h"
#include "connectors/graph/application_check.h"
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/archiving/credentials.h"
#include "server/people/audit.h"
#include "server/services.h"
#include "storage/base/log.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

std::string_view to_string(CheckStep::State state) {
  switch (state) {
    case CheckStep::State::good: return "good";
    case CheckStep::State::failed: return "failed";
    case CheckStep::State::limited: return "limited";
    case CheckStep::State::unknown: return "unknown";
  }
  return "unknown";
}

json::object view(const ApplicationCheck& check, const Credential& credential, bool certificate_taken) {
  json::array steps;
  for (const auto& step : check.steps) {
    steps.push_back({{"name", step.name}, {"state", to_string(step.state)}, {"detail", step.detail}, {"mend", step.mend.empty() ? json::value(nullptr) : json::value(step.mend)}});
  }
  return {{"works", check.works()},
          {"organisation", check.organisation.empty() ? json::value(nullptr) : json::value(check.organisation)},
          {"steps", std::move(steps)},
          {"secret_expires_at", time_or_null(credential.secret_expires_at)},
          {"certificate_expires_at", time_or_null(check.certificate_expires_at)},
          {"waiting_certificate_taken", certificate_taken}};
}

// A certificate that was made here and uploaded since takes the place of what signed in before.
Result<bool> take_waiting_certificate(const ApiCall& call, HttpClient& http, Credential& credential) {
  if (!credential.waiting_certificate) return false;
  auto app = credential.app;
  app.certificate = credential.waiting_certificate;
  auto token = TokenSource::make(graph_credentials(app), http, call.services.clock)->token({});
  if (!token) return false;  // Not uploaded yet, or not spread at the directory yet.
  credential.app = std::move(app);
  credential.app.client_secret = {};
  credential.waiting_certificate.reset();
  credential.secret_expires_at.reset();
  if (auto kept = update_credential(call.tenant(), credential); !kept) return kept.error();
  spdlog::info("tenant {}: credential '{}' signs in with its new certificate", call.tenant().facts().slug, credential.name);
  return true;
}

http::Response check(const ApiCall& call) {
  auto body = read_object(call.request.body.empty() ? "{}" : call.request.body, {"mailbox"});
  if (!body) return fail(call, body.error());
  auto mailbox = optional_string(*body, "mailbox", "", 300);
  if (!mailbox) return fail(call, mailbox.error());
  auto credential = find_credential(call.tenant(), call.captures.front());
  if (!credential) return fail(call, credential.error());
  if (!*credential) return fail(call, {ErrorCode::not_found, "there is no such credential"});
  if ((*credential)->kind != "entra_app") return fail(call, {ErrorCode::invalid, "this kind of credential is tried by running a profile with it"});
  auto noted = append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, "credential.check", (*credential)->name, "",
                                            call.request.remote_address, call.request.request_id});
  if (!noted) return fail(call, noted.error());
  HttpClientOptions options;
  options.allowed_hosts = call.services.settings.connectors.allowed_hosts;
  options.ca_pem = (*credential)->ca_pem;
  auto http = HttpClient::make(std::move(options));
  if (!http) return fail(call, http.error());
  auto taken = take_waiting_certificate(call, **http, **credential);
  if (!taken) return fail(call, taken.error());
  auto found = check_application((*credential)->app, *mailbox, **http, call.services.clock, {});
  if (!found) return fail(call, found.error());
  // What the directory says about the secret's end is remembered, so that it can be warned of without asking again.
  if (found->secret_expires_at && found->secret_expires_at != (*credential)->secret_expires_at) {
    (*credential)->secret_expires_at = found->secret_expires_at;
    if (auto kept = update_credential(call.tenant(), **credential); !kept) return fail(call, kept.error());
  }
  return json_answer(200, view(*found, **credential, *taken));
}

}  // namespace

void add_credential_check_routes(Api& api) { api.add({"POST", "/api/v1/tenants/{t}/credentials/{k}/check", Need::administrator, check}); }

}  // namespace kopial
