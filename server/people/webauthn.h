// WebAuthn, the server's side (W3C Web Authentication Level 2, sections 7.1 and 7.2): pure functions over what a browser sends.
//
// libfido2 reads authenticator data and checks signatures, libcbor reads the object around them. Attestation is neither asked for nor
// judged: which make of key somebody has is not our business. Extensions are not used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace kopial {

// Whom passkeys are for. A browser gives a passkey of one id to nobody else, which is why they cannot be phished.
struct RelyingParty {
  std::string id;      // the host's name
  std::string origin;  // https://host[:port]
};
// From the configured public_url. Fails with invalid: WebAuthn needs a name, and TLS.
Result<RelyingParty> relying_party(std::string_view public_url);

struct WebAuthnKey {
  std::string credential;  // its id, raw bytes
  std::int64_t algorithm = 0;  // COSE: -7 ES256, -8 EdDSA, -257 RS256
  std::string public_key;  // as libfido2 keeps keys of this algorithm
  std::uint32_t counter = 0;
  bool user_verified = false;  // by fingerprint, PIN or the like
  bool synced = false;         // may exist on several devices
};

// Of navigator.credentials.create(). invalid, with what is wrong.
Result<WebAuthnKey> read_registration(const RelyingParty& party, BytesView challenge, BytesView client_data, BytesView attestation_object);

// Of navigator.credentials.get(), for a key known from before. The counter after it; invalid, with what is wrong.
Result<std::uint32_t> check_assertion(const RelyingParty& party, BytesView challenge, const WebAuthnKey& key, BytesView client_data, BytesView authenticator_data,
                                      BytesView signature, bool user_verified);

}  // namespace kopial
