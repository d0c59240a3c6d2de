#include "storage/crypto/ed25519.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace kopial {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* data_of(BytesView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

void require(bool done) {
  if (!done) std::abort();
}

Key private_key(const Secret& seed) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, data_of(seed.reveal()), seed.reveal().size()), &EVP_PKEY_free};
}

}  // namespace

std::optional<Ed25519Key> Ed25519Key::from_seed(const Secret& seed) {
  if (seed.reveal().size() != kEd25519SeedBytes) return std::nullopt;
  const Key key = private_key(seed);
  require(key != nullptr);
  Ed25519Key made;
  made.seed_ = seed;
  made.public_key_.resize(kEd25519PublicBytes);
  std::size_t size = made.public_key_.size();
  require(EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(made.public_key_.data()), &size) == 1);
  return made;
}

Bytes Ed25519Key::sign(BytesView message) const {
  const Key key = private_key(seed_);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Bytes signature(kEd25519SignatureBytes, '\0');
  std::size_t size = signature.size();
  require(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data_of(message), message.size()) == 1);
  return signature;
}

bool ed25519_verify(BytesView public_key, BytesView message, BytesView signature) {
  if (public_key.size() != kEd25519PublicBytes || signature.size() != kEd25519SignatureBytes) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data_of(public_key), public_key.size()), &EVP_PKEY_free);
  if (key == nullptr) return false;
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), data_of(signature), signature.size(), data_of(message), message.size()) == 1;
}

}  // namespace kopial
