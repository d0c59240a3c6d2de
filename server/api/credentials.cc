// Credentials: secrets go in and never come out.
#include <span>
#include <tuple>

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

constexpr int kCertificateDays = 730;

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
Error no_credential() { return {ErrorCode::not_found, "there is no such credential"}; }

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

// The public half, which is what is uploaded to the directory.
json::object certificate_view(const ClientCertificate& certificate) {
  return {{"certificate_pem", certificate.certificate_pem()},
          {"thumbprint", certificate.thumbprint()},
          {"not_before", format_rfc3339(certificate.not_before())},
          {"not_after", format_rfc3339(certificate.not_after())}};
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
  const auto& app = credential.app;
  return {{"id", credential.id},
          {"name", credential.name},
          {"kind", credential.kind},
          {"directory_id", credential.app.directory_id},
          {"client_id", credential.app.client_id},
          {"authority", credential.app.authority},
          {"graph_url", credential.app.graph_url},
          {"exchange_url", credential.exchange_url},
          {"signs_in_with", app.certificate ? "certificate" : "secret"},
          {"certificate", app.certificate ? json::value(certificate_view(*app.certificate)) : json::value(nullptr)},
          {"waiting_certificate", credential.waiting_certificate ? json::value(certificate_view(*credential.waiting_certificate)) : json::value(nullptr)},
          {"secret_expires_at", time_or_null(credential.secret_expires_at)},
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

Result<void> read_exchange(const json::object& body, Credential& credential, bool is_new) {
  auto& exchange = credential.exchange;
  const auto before = std::tuple(exchange.ews_url, exchange.autodiscover, exchange.authority);
  const Field fields[] = {{"name", &credential.name, 200},           {"ews_url", &exchange.ews_url, 500},           {"autodiscover", &exchange.autodiscover, 500},
                          {"username", &exchange.username, 300},     {"authority", &exchange.authority, 500},       {"directory_id", &exchange.directory_id, 200},
                          {"client_id", &exchange.client_id, 200},   {"ca_pem", &credential.ca_pem, 64 << 10}};
  if (auto done = read_fields(body, fields); !done) return done;
  const bool moved = before != std::tuple(exchange.ews_url, exchange.autodiscover, exchange.authority);
  if (!is_new && moved && !body.contains("password") && !body.contains("client_secret")) {
    return Error{ErrorCode::invalid, "secrets are not sent to an address they were not entered for: with another address give 'password' or 'client_secret' again"};
  }
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

// The cloud's addresses, unless the body names others.
Result<void> read_addresses(const json::object& body, Credential& credential, bool is_new) {
  auto cloud = optional_string(body, "cloud", is_new ? "global" : "", 50);
  if (!cloud) return cloud.error();
  if (!cloud->empty()) {
    const auto* found = find_cloud(*cloud);
    if (found == nullptr) return Error{ErrorCode::invalid, "'cloud' is one of global, us_government, us_government_dod, china"};
    credential.app.authority = found->authority;
    credential.app.graph_url = found->graph_url;
    credential.exchange_url = found->exchange_url;
  }
  for (const auto& [name, value] : {std::pair("authority", &credential.app.authority), std::pair("graph_url", &credential.app.graph_url),
                                    std::pair("exchange_url", &credential.exchange_url)}) {
    auto given = optional_string(body, name, *value, 500);
    if (!given) return given.error();
    *value = *given;
    if (auto fine = check_url(name, *value); !fine) return fine;
  }
  return {};
}

// A secret, a certificate with its key, or a certificate that is made here.
Result<void> read_proof(const json::object& body, Credential& credential, bool is_new, Time now) {
  auto secret = optional_string(body, "client_secret", "", 1024), pem = optional_string(body, "certificate_pem", "", 64 << 10),
       key = optional_string(body, "private_key_pem", "", 64 << 10), assertion = optional_string(body, "assertion", "", 10);
  auto make = optional_bool(body, "make_certificate", false);
  for (const auto* one : {&secret, &pem, &key, &assertion}) {
    if (!*one) return one->error();
  }
  if (!make) return make.error();
  auto& app = credential.app;
  if (pem->empty() != key->empty()) return Error{ErrorCode::invalid, "'certificate_pem' and 'private_key_pem' belong together: give both"};
  if ((secret->empty() ? 0 : 1) + (pem->empty() ? 0 : 1) + (*make ? 1 : 0) > 1) return Error{ErrorCode::invalid, "give a secret, or a certificate, or make_certificate: not several"};
  if (!secret->empty()) {
    app.client_secret = Secret(*secret);
    app.certificate.reset();
    credential.secret_expires_at.reset();
  } else if (!pem->empty()) {
    auto certificate = ClientCertificate::parse(*pem, Secret(*key));
    if (!certificate) return certificate.error();
    app.certificate = *std::move(certificate);
    app.client_secret = {};
    credential.secret_expires_at.reset();
  } else if (*make) {
    auto made = ClientCertificate::make("Kopial " + app.client_id, now, kCertificateDays);
    if (!made) return made.error();
    // What signs in now goes on signing in, until the new one is known to the directory.
    (is_new ? app.certificate : credential.waiting_certificate) = *std::move(made);
  } else if (is_new) {
    return Error{ErrorCode::invalid, "'client_secret' is missing (or certificate_pem and private_key_pem, or make_certificate)"};
  }
  if (!assertion->empty()) {
    if (*assertion != "PS256" && *assertion != "RS256") return Error{ErrorCode::invalid, "'assertion' is PS256 or RS256"};
    app.assertion_form = *assertion == "RS256" ? AssertionForm::rs256 : AssertionForm::ps256;
  }
  auto expires = optional_string(body, "secret_expires_at", "", 40);
  if (!expires) return expires.error();
  if (!expires->empty()) {
    credential.secret_expires_at = parse_rfc3339(*expires);
    if (!credential.secret_expires_at) return Error{ErrorCode::invalid, "'secret_expires_at' is not a time; write 2026-11-24T00:00:00Z"};
  }
  return {};
}

// Fills what the body gives into `credential`.
Result<void> read(const json::object& body, Credential& credential, bool is_new, Time now) {
  const Field fields[] = {{"name", &credential.name, 200},
                          {"directory_id", &credential.app.directory_id, 200},
                          {"client_id", &credential.app.client_id, 200},
                          {"ca_pem", &credential.ca_pem, 64 << 10}};
  if (auto done = read_fields(body, fields); !done) return done;
  for (const char* field : {"directory_id", "client_id"}) {
    if (is_new) {
      if (auto given = required_string(body, field); !given) return given.error();
    }
  }
  const auto before = std::tuple(credential.app.authority, credential.app.graph_url, credential.exchange_url);
  if (auto done = read_addresses(body, credential, is_new); !done) return done;
  const bool moved = before != std::tuple(credential.app.authority, credential.app.graph_url, credential.exchange_url);
  if (!is_new && moved && !body.contains("client_secret") && !body.contains("certificate_pem")) {
    return Error{ErrorCode::invalid, "secrets are not sent to an address they were not entered for: with another cloud or address give 'client_secret', or 'certificate_pem' and 'private_key_pem', again"};
  }
  if (auto done = read_proof(body, credential, is_new, now); !done) return done;
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
  if (auto done = read_exchange(*body, credential, true); !done) return fail(call, done.error());
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
  auto body = read_object(call.request.body, {"kind", "name", "directory_id", "client_id", "client_secret", "certificate_pem", "private_key_pem", "make_certificate", "assertion",
                                               "secret_expires_at", "cloud", "authority", "graph_url", "exchange_url", "ca_pem"});
  if (!body) return fail(call, body.error());
  auto kind = required_string(*body, "kind");
  if (!kind) return fail(call, kind.error());
  if (*kind != "entra_app") return fail(call, {ErrorCode::invalid, "credentials of kind '" + kind->substr(0, 50) + "' are not available in this version; entra_app and exchange are"});
  Credential credential;
  credential.created_at = call.services.clock.now();
  if (auto done = read(*body, credential, true, call.services.clock.now()); !done) return fail(call, done.error());
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
  if (auto done = read_exchange(*body, credential, false); !done) return fail(call, done.error());
  if (auto kept = note(call, "credential.change", credential.name); !kept) return fail(call, kept.error());
  if (auto done = update_credential(call.tenant(), credential); !done) return fail(call, done.error());
  return json_answer(200, view(credential));
}

http::Response change(const ApiCall& call) {
  auto credential = find_credential(call.tenant(), call.captures.front());
  if (!credential) return fail(call, credential.error());
  if (!*credential) return fail(call, no_credential());
  if ((*credential)->kind == "exchange") return change_exchange(call, **credential);
  auto body = read_object(call.request.body, {"name", "directory_id", "client_id", "client_secret", "certificate_pem", "private_key_pem", "make_certificate", "assertion",
                                               "secret_expires_at", "cloud", "authority", "graph_url", "exchange_url", "ca_pem"});
  if (!body) return fail(call, body.error());
  if (auto done = read(*body, **credential, false, call.services.clock.now()); !done) return fail(call, done.error());
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
