#include "server/archiving/credentials.h"

#include <boost/json.hpp>

#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "credential";

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Records are sealed, so a secret inside one is never in the clear on disk.
std::string encode(const Credential& credential) {
  return json::serialize(json::object{{"name", credential.name},
                                      {"kind", credential.kind},
                                      {"directory_id", credential.app.directory_id},
                                      {"client_id", credential.app.client_id},
                                      {"client_secret", credential.app.client_secret.reveal()},
                                      {"authority", credential.app.authority},
                                      {"graph_url", credential.app.graph_url},
                                      {"ca_pem", credential.ca_pem},
                                      {"created_at", format_rfc3339(credential.created_at)}});
}

Result<Credential> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of credential " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  Credential credential;
  credential.id = record.id;
  credential.name = text(object, "name");
  credential.kind = text(object, "kind");
  credential.app = {text(object, "directory_id"), text(object, "client_id"), Secret(text(object, "client_secret")), text(object, "authority"),
                    text(object, "graph_url")};
  credential.ca_pem = text(object, "ca_pem");
  credential.created_at = parse_rfc3339(text(object, "created_at")).value_or(Time{});
  return credential;
}

}  // namespace

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
