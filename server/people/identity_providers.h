// A tenant's identity providers (OpenID Connect): who they are, and sign-ins through them under way.
//
// A person is bound to a provider's identity once: by the directory's immutable id that the provider tells (Entra's oid, AD FS's
// objectGUID), or by the user principal name of somebody whom a directory brought and who has no role. From then on the identity
// alone counts, whatever name or address the provider tells. An e-mail address never identifies anybody.
#pragma once

#include <boost/json.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/settings.h"
#include "connectors/oauth/openid.h"
#include "server/people/users.h"

namespace kopial {

struct IdentityProvider {
  std::string id, name, issuer, client_id;
  Secret client_secret;
  std::string ca_pem;
  std::string scopes = "openid profile";
  std::vector<std::string> tenants;   // Entra's tids that are let in
  std::string identity = "subject";   // subject: issuer and sub; entra: tid and oid
  std::string directory;              // whose objects `object_claim` names
  std::string object_claim;           // "oid"; "objectguid" from AD FS (base64); "" = none
  std::string name_claim;             // "upn", "preferred_username": for the first sign-in only; "" = none
  bool enabled = true;
  Time created_at;
  std::uint64_t revision = 0;
};

// Thread-safe. Of a sign-in under way nothing is kept here: what it needs is sealed into the binding, which the browser that asked brings
// back within ten minutes, under a key of this process. So nobody keeps others out by beginning many. States that came back are
// remembered, bounded.
class IdentityProviders {
 public:
  IdentityProviders(Tenants& tenants, Users& users, const Settings& settings, Clock& clock);

  Result<std::vector<IdentityProvider>> list(Tenant& tenant);
  Result<std::optional<IdentityProvider>> find(Tenant& tenant, const std::string& id);
  Result<IdentityProvider> create(Tenant& tenant, IdentityProvider provider);
  Result<IdentityProvider> update(Tenant& tenant, IdentityProvider provider);
  Result<void> remove(Tenant& tenant, const std::string& id);
  static Result<void> read_fields(const boost::json::object& fields, IdentityProvider& provider);
  static boost::json::object view(const IdentityProvider& provider);

  Result<void> check(Tenant& tenant, const IdentityProvider& provider);
  // Ends what binds this user to identities of providers: the next sign-in binds anew. How many there were.
  Result<std::size_t> unbind(Tenant& tenant, const std::string& user);

  struct Started {
    std::string url;  // where the browser goes
    Secret binding;   // what ties the answer to the browser that asked
  };
  // not_found for a tenant or provider that is not there, in the same words.
  Result<Started> start(const std::string& slug, const std::string& provider, const std::string& login_hint);
  struct Finished {
    std::shared_ptr<Tenant> tenant;
    User user;
    std::string provider;
  };
  // Each state is good once, whatever comes of it. unauthenticated, or unavailable when the provider does not answer.
  Result<Finished> finish(const std::string& state, const Secret& binding, const std::string& code, const std::string& answered_issuer);

 private:
  struct Client {
    std::uint64_t revision = 0;
    std::unique_ptr<HttpClient> http;
    std::unique_ptr<OpenIdProvider> provider;
  };
  Result<std::shared_ptr<Client>> client(Tenant& tenant, const IdentityProvider& provider);
  Result<User> user_of(Tenant& tenant, const IdentityProvider& provider, const boost::json::object& claims);
  Result<std::string> bind(Tenant& tenant, const IdentityProvider& provider, const boost::json::object& claims, const std::string& identity);

  Tenants& tenants_;
  Users& users_;
  const Settings& settings_;
  Clock& clock_;
  const Secret key_;
  std::mutex mutex_;
  std::map<std::string, std::chrono::nanoseconds> used_;     // by hash of the state: until when
  std::map<std::string, std::shared_ptr<Client>> clients_;  // by tenant and provider
};

}  // namespace kopial
