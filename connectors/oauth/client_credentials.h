// Modern Auth for a daemon: OAuth 2.0 client credentials (RFC 6749 section 4.4) against Entra ID, with a client secret.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "connectors/http/client.h"
#include "connectors/http/request_gate.h"
#include "storage/base/clock.h"
#include "storage/base/secret.h"

namespace kopial {

struct ClientCredentials {
  std::string authority;     // "https://login.microsoftonline.com"
  std::string directory_id;  // GUID or verified domain
  std::string client_id;
  Secret client_secret;
  std::string scope;         // "https://graph.microsoft.com/.default"
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
};

}  // namespace kopial
