// Credentials: secrets go in and never come out.
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/archiving/credentials.h"
#include "server/archiving/run_service.h"
#include "server/people/audit.h"
#include "server/services.h"
#include "storage/crypto/certificate.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
Error no_credential() { return {ErrorCode::not_found, "there is no such credential"}; }

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

json::object view(const Credential& credential) {
  return {{"id", credential.id},
          {"name", credential.name},
          {"kind", credential.kind},
          {"directory_id", credential.app.directory_id},
          {"client_id", credential.app.client_id},
          {"authority", credential.app.authority},
          {"graph_url", credential.app.graph_url},
          {"has_ca", !credential.ca_pem.empty()},
          {"created_at", format_rfc3339(credential.created_at)}};
}

Result<void> check_url(std::string_view field, const std::string& url) {
  const bool loopback = url.starts_with("http://127.0.0.1") || url.starts_with("http://[::1]") || url.starts_with("http://localhost");
  if (!url.starts_with("https://") && !loopback) return Error{ErrorCode::invalid, "'" + std::string(field) + "' must begin with https://"};
  if (url.find_first_of("?# \r\n") != std::string::npos) return Error{ErrorCode::invalid, "'" + std::string(field) + "' must be an address without query"};
  return {};
}

// Fills what the body gives into `credential`.
Result<void> read(const json::object& body, Credential& credential, bool is_new) {
  struct Field {
    const char* name;
    std::string* value;
    std::size_t bytes_max;
  };
  const Field fields[] = {{"name", &credential.name, 200},
                          {"directory_id", &credential.app.directory_id, 200},
                          {"client_id", &credential.app.client_id, 200},
                          {"authority", &credential.app.authority, 500},
                          {"graph_url", &credential.app.graph_url, 500},
                          {"ca_pem", &credential.ca_pem, 64 << 10}};
  for (const auto& field : fields) {
    auto value = optional_string(body, field.name, *field.value, field.bytes_max);
    if (!value) return value.error();
    *field.value = *value;
  }
  auto secret = optional_string(body, "client_secret", "", 1024);
  if (!secret) return secret.error();
  if (!secret->empty()) credential.app.client_secret = Secret(*secret);
  for (const char* field : {"directory_id", "client_id", "client_secret"}) {
    if (is_new) {
      if (auto given = required_string(body, field); !given) return given.error();
    }
  }
  if (auto fine = check_url("authority", credential.app.authority); !fine) return fine;
  if (auto fine = check_url("graph_url", credential.app.graph_url); !fine) return fine;
  if (!credential.ca_pem.empty() && !read_certificate(credential.ca_pem)) return Error{ErrorCode::invalid, "'ca_pem' is not a certificate in PEM form"};
  if (credential.name.empty()) credential.name = credential.app.client_id;
  return {};
}

http::Response list(const ApiCall& call) {
  auto credentials = list_credentials(call.tenant());
  if (!credentials) return fail(call, credentials.error());
  json::array items;
  for (const auto& credential : *credentials) items.push_back(view(credential));
  return collection(std::move(items), "");
}

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"kind", "name", "directory_id", "client_id", "client_secret", "authority", "graph_url", "ca_pem"});
  if (!body) return fail(call, body.error());
  auto kind = required_string(*body, "kind");
  if (!kind) return fail(call, kind.error());
  if (*kind != "entra_app") return fail(call, {ErrorCode::invalid, "credentials of kind '" + kind->substr(0, 50) + "' are not available in this version; entra_app is"});
  Credential credential;
  credential.created_at = call.services.clock.now();
  if (auto done = read(*body, credential, true); !done) return fail(call, done.error());
  if (auto kept = note(call, "credential.create", credential.name); !kept) return fail(call, kept.error());
  auto made = create_credential(call.tenant(), std::move(credential));
  return made ? json_answer(201, view(*made)) : fail(call, made.error());
}

http::Response show(const ApiCall& call) {
  auto credential = find_credential(call.tenant(), call.captures.front());
  if (!credential) return fail(call, credential.error());
  return *credential ? json_answer(200, view(**credential)) : fail(call, no_credential());
}

http::Response change(const ApiCall& call) {
  auto credential = find_credential(call.tenant(), call.captures.front());
  if (!credential) return fail(call, credential.error());
  if (!*credential) return fail(call, no_credential());
  auto body = read_object(call.request.body, {"name", "directory_id", "client_id", "client_secret", "authority", "graph_url", "ca_pem"});
  if (!body) return fail(call, body.error());
  if (auto done = read(*body, **credential, false); !done) return fail(call, done.error());
  if (auto kept = note(call, "credential.change", (*credential)->name); !kept) return fail(call, kept.error());
  if (auto done = update_credential(call.tenant(), **credential); !done) return fail(call, done.error());
  return json_answer(200, view(**credential));
}

http::Response remove(const ApiCall& call) {
  auto credential = find_credential(call.tenant(), call.captures.front());
  if (!credential) return fail(call, credential.error());
  if (!*credential) return fail(call, no_credential());
  auto profiles = call.services.runs.profiles(call.tenant());
  if (!profiles) return fail(call, profiles.error());
  for (const auto& profile : *profiles) {
    if (profile.credential == call.captures.front()) return fail(call, {ErrorCode::conflict, "the profile '" + profile.name + "' uses this credential"});
  }
  if (auto kept = note(call, "credential.remove", (*credential)->name); !kept) return fail(call, kept.error());
  if (auto done = remove_credential(call.tenant(), call.captures.front()); !done) return fail(call, done.error());
  http::Response response;
  response.status = 204;
  return response;
}

}  // namespace

void add_credential_routes(Api& api) {
  const std::string credentials = "/api/v1/tenants/{t}/credentials";
  api.add({"GET", credentials, Need::administrator, list});
  api.add({"POST", credentials, Need::administrator, create, 128 << 10});
  api.add({"GET", credentials + "/{k}", Need::administrator, show});
  api.add({"PATCH", credentials + "/{k}", Need::administrator, change, 128 << 10});
  api.add({"DELETE", credentials + "/{k}", Need::administrator, remove});
}

}  // namespace kopial
