// Credentials: secrets go in and never come out.
#include <span>

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
  if (credential.kind == "exchange") {
    const auto& exchange = credential.exchange;
    return {{"id", credential.id},
            {"name", credential.name},
            {"kind", credential.kind},
            {"ews_url", exchange.ews_url},
            {"autodiscover", exchange.autodiscover},
            {"auth", to_string(exchange.auth)},
            {"username", exchange.username},
            {"directory_id", exchange.directory_id},
            {"client_id", exchange.client_id},
            {"authority", exchange.authority},
            {"graph_url", ""},
            {"has_ca", !credential.ca_pem.empty()},
            {"created_at", format_rfc3339(credential.created_at)}};
  }
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

struct Field {
  const char* name;
  std::string* value;
  std::size_t bytes_max;
};

Result<void> read_fields(const json::object& body, std::span<const Field> fields) {
  for (const auto& field : fields) {
    auto value = optional_string(body, field.name, *field.value, field.bytes_max);
    if (!value) return value.error();
    *field.value = *value;
  }
  return {};
}

Result<void> read_secret(const json::object& body, const char* name, Secret& secret) {
  auto value = optional_string(body, name, "", 1024);
  if (!value) return value.error();
  if (!value->empty()) secret = Secret(*value);
  return {};
}

const std::initializer_list<std::string_view> kExchangeFields{"kind", "name", "ews_url", "autodiscover", "auth", "username", "password", "authority", "directory_id", "client_id", "client_secret", "ca_pem"};

Result<void> read_exchange(const json::object& body, Credential& credential) {
  auto& exchange = credential.exchange;
  const Field fields[] = {{"name", &credential.name, 200},           {"ews_url", &exchange.ews_url, 500},           {"autodiscover", &exchange.autodiscover, 500},
                          {"username", &exchange.username, 300},     {"authority", &exchange.authority, 500},       {"directory_id", &exchange.directory_id, 200},
                          {"client_id", &exchange.client_id, 200},   {"ca_pem", &credential.ca_pem, 64 << 10}};
  if (auto done = read_fields(body, fields); !done) return done;
  auto auth = optional_string(body, "auth", std::string(to_string(exchange.auth)), 20);
  if (!auth) return auth.error();
  const auto known = exchange_auth(*auth);
  if (!known) return Error{ErrorCode::invalid, "'auth' must be basic, ntlm, negotiate or bearer"};
  exchange.auth = *known;
  if (auto done = read_secret(body, "password", exchange.password); !done) return done;
  if (auto done = read_secret(body, "client_secret", exchange.client_secret); !done) return done;
  if (*known == ExchangeAccount::Auth::bearer) {
    if (exchange.authority.empty()) exchange.authority = "https://login.microsoftonline.com";
    if (exchange.directory_id.empty() || exchange.client_id.empty() || exchange.client_secret.empty()) {
      return Error{ErrorCode::invalid, "'auth' bearer needs 'directory_id', 'client_id' and 'client_secret' of the application whose tokens Exchange trusts"};
    }
    if (auto fine = check_url("authority", exchange.authority); !fine) return fine;
  } else if (exchange.username.empty() || exchange.password.empty()) {
    return Error{ErrorCode::invalid, "'username' and 'password' are missing"};
  }
  if (!exchange.ews_url.empty()) {
    if (auto fine = check_url("ews_url", exchange.ews_url); !fine) return fine;
  }
  if (!exchange.autodiscover.empty()) {
    if (auto fine = check_url("autodiscover", exchange.autodiscover); !fine) return fine;
  }
  if (!credential.ca_pem.empty() && !read_certificate(credential.ca_pem)) return Error{ErrorCode::invalid, "'ca_pem' is not a certificate in PEM form"};
  if (credential.name.empty()) credential.name = exchange.username.empty() ? exchange.client_id : exchange.username;
  return {};
}

// Fills what the body gives into `credential`.
Result<void> read(const json::object& body, Credential& credential, bool is_new) {
  const Field fields[] = {{"name", &credential.name, 200},
                          {"directory_id", &credential.app.directory_id, 200},
                          {"client_id", &credential.app.client_id, 200},
                          {"authority", &credential.app.authority, 500},
                          {"graph_url", &credential.app.graph_url, 500},
                          {"ca_pem", &credential.ca_pem, 64 << 10}};
  if (auto done = read_fields(body, fields); !done) return done;
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

http::Response create_exchange(const ApiCall& call) {
  auto body = read_object(call.request.body, kExchangeFields);
  if (!body) return fail(call, body.error());
  Credential credential;
  credential.kind = "exchange";
  credential.created_at = call.services.clock.now();
  if (auto done = read_exchange(*body, credential); !done) return fail(call, done.error());
  if (auto kept = note(call, "credential.create", credential.name); !kept) return fail(call, kept.error());
  auto made = create_credential(call.tenant(), std::move(credential));
  return made ? json_answer(201, view(*made)) : fail(call, made.error());
}

// The kind decides which fields there are, so it is looked at first.
bool is_exchange(const std::string& body) {
  json::error_code bad;
  const auto value = json::parse(body, bad);
  if (bad || !value.is_object()) return false;
  const auto* kind = value.get_object().if_contains("kind");
  return kind != nullptr && kind->is_string() && kind->get_string() == "exchange";
}

http::Response create(const ApiCall& call) {
  if (is_exchange(call.request.body)) return create_exchange(call);
  auto body = read_object(call.request.body, {"kind", "name", "directory_id", "client_id", "client_secret", "authority", "graph_url", "ca_pem"});
  if (!body) return fail(call, body.error());
  auto kind = required_string(*body, "kind");
  if (!kind) return fail(call, kind.error());
  if (*kind != "entra_app") return fail(call, {ErrorCode::invalid, "credentials of kind '" + kind->substr(0, 50) + "' are not available in this version; entra_app and exchange are"});
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

http::Response change_exchange(const ApiCall& call, Credential& credential) {
  auto body = read_object(call.request.body, kExchangeFields);
  if (!body) return fail(call, body.error());
  if (body->contains("kind")) return fail(call, {ErrorCode::invalid, "the kind of a credential cannot be changed; make another credential"});
  if (auto done = read_exchange(*body, credential); !done) return fail(call, done.error());
  if (auto kept = note(call, "credential.change", credential.name); !kept) return fail(call, kept.error());
  if (auto done = update_credential(call.tenant(), credential); !done) return fail(call, done.error());
  return json_answer(200, view(credential));
}

http::Response change(const ApiCall& call) {
  auto credential = find_credential(call.tenant(), call.captures.front());
  if (!credential) return fail(call, credential.error());
  if (!*credential) return fail(call, no_credential());
  if ((*credential)->kind == "exchange") return change_exchange(call, **credential);
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
