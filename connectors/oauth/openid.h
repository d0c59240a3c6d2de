// Sign-in with somebody else's OpenID Connect provider: discovery, keys with their rollover, the code exchange with PKCE, and the check
// of the ID token (OpenID Connect Core 3.1.3.7, RFC 7636, RFC 8725). Signatures are verified by libcjose.
//
// What identifies a person is the issuer with the subject, or Entra's tenant with the object id; never a name or an address.
#pragma once

#include <boost/json.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "connectors/http/client.h"
#include "storage/base/clock.h"
#include "storage/base/secret.h"

namespace kopial {

struct OpenIdSettings {
  std::string issuer;  // "https://login.microsoftonline.com/{guid}/v2.0"; "{tenantid}" in it stands for the token's tid
  std::string client_id;
  Secret client_secret;  // "" = a public client: PKCE alone
  std::string redirect_uri;
  std::string scopes = "openid profile email";
  std::vector<std::string> tenants;  // tids that are let in; needed with "{tenantid}", empty otherwise means any
};

// What an ID token must say. `issuer` may hold "{tenantid}".
struct IdTokenRules {
  std::string issuer, client_id, nonce;
  std::vector<std::string> tenants;
  Time now;
};

// The claims of a token that is right in every respect. `keys` is a JWK set. Fails with unauthenticated and names the rule; with not_found
// when the key it was signed with is not in the set (it may have been changed: fetch the set anew, once).
Result<boost::json::object> check_id_token(const std::string& token, const boost::json::value& keys, const IdTokenRules& rules);

// Thread-safe.
class OpenIdProvider {
 public:
  // `http` and `clock` outlive it.
  static std::unique_ptr<OpenIdProvider> make(OpenIdSettings settings, HttpClient& http, Clock& clock);
  virtual ~OpenIdProvider() = default;

  virtual Result<void> check(std::stop_token stop) = 0;  // discovery and keys
  // Where the browser goes. `challenge` is base64url(SHA-256(verifier)).
  virtual Result<std::string> authorize_url(const std::string& state, const std::string& nonce, const std::string& challenge, const std::string& login_hint,
                                            std::stop_token stop) = 0;
  // `answered_issuer` is the parameter iss of the answer (RFC 9207), "" when there was none.
  virtual Result<boost::json::object> redeem(const std::string& code, const Secret& verifier, const std::string& nonce, const std::string& answered_issuer,
                                             std::stop_token stop) = 0;
};

}  // namespace kopial
