// Credentials of sources: written once, used by runs, shown to nobody.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/graph/connector.h"
#include "server/tenants.h"

namespace kopial {

// An application registered in Entra ID; the one kind this version knows.
struct Credential {
  std::string id;
  std::string name;
  std::string kind = "entra_app";
  EntraApp app;
  std::string ca_pem;  // trusted beside the system's authorities
  Time created_at;
};

Result<Credential> create_credential(Tenant& tenant, Credential credential);  // id is chosen
Result<void> update_credential(Tenant& tenant, const Credential& credential);
Result<std::optional<Credential>> find_credential(Tenant& tenant, const std::string& id);
Result<std::vector<Credential>> list_credentials(Tenant& tenant);
Result<void> remove_credential(Tenant& tenant, const std::string& id);

}  // namespace kopial
