#include "server/archiving/credentials.h"

#include <boost/json.hpp>

#include "storage/base/json_fields.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "credential";

constexpr std::pair<ExchangeAccount::Auth, std::string_view> kAuths[] = {{ExchangeAccount::Auth::basic, "basic"}, {ExchangeAccount::Auth::ntlm, "ntlm"},
                                                                         {ExchangeAccount::Auth::negotiate, "negotiate"}, {ExchangeAccount::Auth::bearer, "bearer"}};

json::object exchange_record(const ExchangeAccount& account) {
  return {{"ews_url", account.ews_url},
          {"autodiscover", account.autodiscover},
          {"auth", to_string(account.auth)},
          {"username", account.username},
          {"password", account.password.reveal()},
          {"authority", account.authority},
          {"directory_id", account.directory_id},
          {"client_id", account.client_id},
          {"client_secret", account.client_secret.reveal()}};
}

ExchangeAccount read_exchange(const json::object& object) {
  ExchangeAccount account;
  account.ews_url = text(object, "ews_url");
  account.autodiscover = text(object, "autodiscover");
  account.auth = exchange_auth(text(object, "auth")).value_or(ExchangeAccount::Auth::basic);
  account.username = text(object, "username");
  account.password = Secret(text(object, "password"));
  account.authority = text(object, "authority");
  account.directory_id = text(object, "directory_id");
  account.client_id = text(object, "client_id");
  account.client_secret = Secret(text(object, "client_secret"));
  return account;
}

// Records are sealed, so a secret inside one is never in the clear on disk.
std::string encode(const Credential& credential) {
  if (credential.kind == "exchange") {
    return json::serialize(json::object{{"name", credential.name}, {"kind", credential.kind}, {"exchange", exchange_record(credential.exchange)},
                                        {"ca_pem", credential.ca_pem}, {"created_at", format_rfc3339(credential.created_at)}});
  }
  return json::serialize(json::object{{"name", credential.name},
                                      {"kind", credential.kind},
                                      {"directory_id", credential.app.directory_id},
                                      {"client_id", credential.app.client_id},
                                      {"client_secret", credential.app.client_secret.reveal()},
                                      {"authority", credential.app.authority},
                                      {"graph_url", credential.app.graph_url},
                                      {"ca_pem", credential.ca_pem},
                                      {"exchange_url", credential.exchange_url},
                                      {"certificate_pem", credential.app.certificate ? credential.app.certificate->certificate_pem() : ""},
                                      {"private_key_pem", credential.app.certificate ? credential.app.certificate->private_key_pem().reveal() : ""},
                                      {"assertion", credential.app.assertion_form == AssertionForm::rs256 ? "RS256" : "PS256"},
                                      {"waiting_certificate_pem", credential.waiting_certificate ? credential.waiting_certificate->certificate_pem() : ""},
                                      {"waiting_private_key_pem", credential.waiting_certificate ? credential.waiting_certificate->private_key_pem().reveal() : ""},
                                      {"secret_expires_at", credential.secret_expires_at ? format_rfc3339(*credential.secret_expires_at) : ""},
                                      {"created_at", format_rfc3339(credential.created_at)}});
}

Result<Credential> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of credential " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  Credential credential;
  credential.id = record.id;
  credential.revision = record.revision;
  credential.name = text(object, "name");
  credential.kind = text(object, "kind");
  if (const auto* exchange = object.if_contains("exchange"); exchange != nullptr && exchange->is_object()) credential.exchange = read_exchange(exchange->get_object());
  credential.app.directory_id = text(object, "directory_id");
  credential.app.client_id = text(object, "client_id");
  credential.app.client_secret = Secret(text(object, "client_secret"));
  credential.app.authority = text(object, "authority");
  credential.app.graph_url = text(object, "graph_url");
  credential.app.assertion_form = text(object, "assertion") == "RS256" ? AssertionForm::rs256 : AssertionForm::ps256;
  credential.exchange_url = text(object, "exchange_url");
  credential.ca_pem = text(object, "ca_pem");
  credential.secret_expires_at = parse_rfc3339(text(object, "secret_expires_at"));
  for (const auto& [name, target] : {std::pair("", &credential.app.certificate), std::pair("waiting_", &credential.waiting_certificate)}) {
    const auto pem = text(object, std::string(name) + "certificate_pem");
    if (pem.empty()) continue;
    auto certificate = ClientCertificate::parse(pem, Secret(text(object, std::string(name) + "private_key_pem")));
    if (!certificate) return certificate.error().with_context("the record of credential " + record.id);
    *target = *std::move(certificate);
  }
  credential.created_at = parse_rfc3339(text(object, "created_at")).value_or(Time{});
  return credential;
}

}  // namespace

std::string_view to_string(ExchangeAccount::Auth auth) {
  for (const auto& [value, name] : kAuths) {
    if (value == auth) return name;
  }
  return {};
}

std::optional<ExchangeAccount::Auth> exchange_auth(std::string_view name) {
  for (const auto& [value, known] : kAuths) {
    if (known == name) return value;
  }
  return std::nullopt;
}

Result<Credential> create_credential(Tenant& tenant, Credential credential) {
  credential.id = random_token();
  auto kept = tenant.store().records().put(std::string(kKind), credential.id, encode(credential), 0);
  if (!kept) return kept.error();
  return credential;
}

Result<void> update_credential(Tenant& tenant, const Credential& credential) {
  return tenant.store().records().put(std::string(kKind), credential.id, encode(credential));
}

Result<std::optional<Credential>> find_credential(Tenant& tenant, const std::string& id) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<Credential>();
  auto credential = decode(**record);
  if (!credential) return credential.error();
  return std::optional(*std::move(credential));
}

Result<std::vector<Credential>> list_credentials(Tenant& tenant) {
  auto listed = tenant.store().records().list(kKind, "", 1000);
  if (!listed) return listed.error();
  std::vector<Credential> out;
  for (const auto& record : *listed) {
    auto credential = decode(record);
    if (!credential) return credential.error();
    out.push_back(*std::move(credential));
  }
  return out;
}

Result<void> remove_credential(Tenant& tenant, const std::string& id) { return tenant.store().records().remove(std::string(kKind), id); }

}  // namespace kopial
