// Sealing: AES-256-GCM (NIST SP 800-38D) of a value under a 32-byte key, bound to the name it is stored under.
//
// Sealed form: u8 version = 1, 12 bytes random nonce, ciphertext, 16 bytes tag.
#pragma once

#include "storage/base/bytes.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

inline constexpr std::size_t kSealOverhead = 1 + 12 + 16;

// `name` is authenticated and not stored: opening under another name fails.
// Precondition: the key has 32 bytes.
Bytes seal(const Secret& key, BytesView name, BytesView plain);

// Fails with corrupt when key, name or bytes do not fit.
Result<Bytes> unseal(const Secret& key, BytesView name, BytesView sealed);

}  // namespace kopial
