// What an application proves itself with instead of a secret: an RSA key, and the certificate that its directory knows.
//
// Entra ID takes a signed assertion (RFC 7523): PS256 with the certificate's SHA-256 thumbprint is the documented form; RS256 with the
// SHA-1 thumbprint is the older one, kept for clouds and proxies that know no other.
#pragma once

#include <memory>
#include <string>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

enum class AssertionForm : std::uint8_t { ps256, rs256 };

// Immutable, thread-safe.
class ClientCertificate {
 public:
  // Fails with invalid and says which of the two cannot be read, that they do not belong together, or that the key is no RSA key of
  // 2048 bits or more.
  static Result<ClientCertificate> parse(const std::string& certificate_pem, const Secret& private_key_pem);
  // A new key of 3072 bits and a self-signed certificate for it, valid from an hour ago.
  static Result<ClientCertificate> make(const std::string& name, Time now, int days);

  const std::string& certificate_pem() const { return certificate_pem_; }
  const Secret& private_key_pem() const { return private_key_pem_; }
  Time not_before() const { return not_before_; }
  Time not_after() const { return not_after_; }
  // As directories show it: SHA-1 of the DER form in 40 upper-case digits.
  std::string thumbprint() const;

  // A signed statement that this is `client_id`, for `audience` alone, valid for ten minutes around `now`.
  Result<Secret> assertion(const std::string& audience, const std::string& client_id, AssertionForm form, Time now) const;

 private:
  ClientCertificate() = default;
  std::string certificate_pem_;
  Secret private_key_pem_;
  Time not_before_, not_after_;
  std::string sha1_, sha256_;  // of the DER form
  std::shared_ptr<void> key_;  // EVP_PKEY
};

}  // namespace kopial
