// Digests, keyed hashes and random bytes, by OpenSSL.
#pragma once

#include <cstddef>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/secret.h"

namespace kopial {

Digest sha256(BytesView bytes);
Digest hmac_sha256(BytesView key, BytesView bytes);  // RFC 2104
// RFC 5869 with SHA-256, an empty salt and `info` as the name of the purpose; 32 bytes.
Secret derive_key(const Secret& key, std::string_view info);

// From the system's generator. Never fails: a machine without randomness ends the process.
Bytes random_bytes(std::size_t count);
// 128 random bits as 22 base64url characters: ids and tokens that nobody can guess. More bytes on request.
std::string random_token(std::size_t bytes = 16);

// Takes the same time wherever the first difference is.
bool equal_in_constant_time(BytesView a, BytesView b);

// SHA-256 in pieces. For one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(BytesView bytes);
  Digest finish();  // Ends this digest; the object may then be used anew.

 private:
  void* context_;
};

}  // namespace kopial
