// Ed25519 (RFC 8032) by OpenSSL.
#pragma once

#include <optional>

#include "storage/base/bytes.h"
#include "storage/base/secret.h"

namespace kopial {

inline constexpr std::size_t kEd25519SeedBytes = 32, kEd25519PublicBytes = 32, kEd25519SignatureBytes = 64;

// Immutable.
class Ed25519Key {
 public:
  // nullopt unless the seed has 32 bytes.
  static std::optional<Ed25519Key> from_seed(const Secret& seed);
  Bytes public_key() const { return public_key_; }
  Bytes sign(BytesView message) const;

 private:
  Secret seed_;
  Bytes public_key_;
};

// False also for keys and signatures of the wrong size.
bool ed25519_verify(BytesView public_key, BytesView message, BytesView signature);

}  // namespace kopial
