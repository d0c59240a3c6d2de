// Modern Auth for a daemon: OAuth 2.0 client credentials (RFC 6749 section 4.4) against Entra ID, with a secret or a certificate.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "connectors/http/client.h"
#include "connectors/oauth/client_certificate.h"
#include "storage/base/clock.h"
#include "storage/base/secret.h"

namespace kopial {

struct ClientCredentials {
  std::string authority;     // "https://login.microsoftonline.com"
  std::string directory_id;  // GUID or verified domain
  std::string client_id;
  Secret client_secret;      // not used when there is a certificate
  std::string scope;         // "https://graph.microsoft.com/.default"
  std::optional<ClientCertificate> certificate;
  AssertionForm assertion_form = AssertionForm::ps256;
};

// Thread-safe. One token is kept and renewed before it ends; many askers wait for one request.
class TokenSource {
 public:
  static std::unique_ptr<TokenSource> make(ClientCredentials credentials, HttpClient& http, Clock& clock);
  virtual ~TokenSource() = default;

  // Fails with denied when the credentials are wrong (the message says what to mend, with Microsoft's code), unavailable, cancelled.
  virtual Result<Secret> token(std::stop_token stop) = 0;
  // The service refused this token although its time has not come: forget it, unless a newer one is there already.
  virtual void discard(const Secret& token) = 0;
  // The same, and the service wants these claims in the next one (JSON, as its challenge said).
  virtual void discard(const Secret& token, const std::string& claims) = 0;
};

// What a refusal of the token endpoint means, and the one thing to mend; nullopt for a code that is not known. `text` is the
// endpoint's error_description. Microsoft may change codes and texts: nothing but words for people depends on them.
struct SignInAdvice {
  std::string code;  // "AADSTS7000215"
  std::string text;
};
std::optional<SignInAdvice> sign_in_advice(std::string_view text);

}  // namespace kopial
