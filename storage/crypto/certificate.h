// X.509 for the server: the self-signed certificate of the first start.
#pragma once

#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

struct CertificateAndKey {
  std::string certificate_pem;
  Secret private_key_pem;  // PKCS #8
};

// EC P-256, valid from an hour ago for `days`, with `names` (DNS names and IP addresses) as subjectAltName.
Result<CertificateAndKey> make_self_signed_certificate(const std::vector<std::string>& names, Time now, int days = 825);

struct CertificateFacts {
  Time not_before, not_after;
  std::string subject, sha256_fingerprint;
};
Result<CertificateFacts> read_certificate(std::string_view pem);

}  // namespace kopial
