// Time-stamps of RFC 3161, by OpenSSL: asking, and judging the answer. Without the network.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace kopial {

// A request for a stamp of this SHA-256, with a nonce (8 bytes, or none) and asking for the authority's certificate.
Bytes timestamp_request(const Digest& digest, BytesView nonce);

struct Timestamp {
  Time at;
  std::string serial;                // hex
  std::optional<Time> valid_until;   // of the authority's certificate: stamp again before
};
// The stamp in a response: granted, of this digest and nonce (none: not compared), and, with authorities to trust (PEM), signed by a
// certificate that leads to one of them and is for time-stamping. Fails with denied when the authority refused, else with corrupt.
Result<Timestamp> read_timestamp(BytesView response, const Digest& digest, BytesView nonce, std::string_view trusted_pem);

}  // namespace kopial
