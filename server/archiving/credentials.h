// Credentials of sources: written once, used by runs, shown to nobody.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/ews/connector.h"
#include "connectors/graph/connector.h"
#include "server/tenants.h"

namespace kopial {

struct Credential {
  std::string id;
  std::uint64_t revision = 0;
  std::string name;
  std::string kind = "entra_app";
  EntraApp app;              // of entra_app: an application registered in Entra ID
  ExchangeAccount exchange;  // of exchange: an account of an Exchange Server
  std::string exchange_url;  // of the same cloud, for Exchange Web Services
  // Made here and perhaps not known to the directory yet: takes the place of what is used as soon as it signs in.
  std::optional<ClientCertificate> waiting_certificate;
  std::optional<Time> secret_expires_at;  // as somebody entered it, or as the directory said
  std::string ca_pem;  // trusted beside the system's authorities
  Time created_at;
};

// "basic", "ntlm", "negotiate", "bearer"; nullopt for anything else.
std::string_view to_string(ExchangeAccount::Auth auth);
std::optional<ExchangeAccount::Auth> exchange_auth(std::string_view name);

Result<Credential> create_credential(Tenant& tenant, Credential credential);  // id is chosen
Result<void> update_credential(Tenant& tenant, const Credential& credential);
Result<std::optional<Credential>> find_credential(Tenant& tenant, const std::string& id);
Result<std::vector<Credential>> list_credentials(Tenant& tenant);
Result<void> remove_credential(Tenant& tenant, const std::string& id);

}  // namespace kopial
