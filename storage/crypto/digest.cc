#include "storage/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <memory>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

// OpenSSL refuses these calls only when it is broken or out of memory; going on without a digest would be worse than ending.
void require(bool done) {
  if (!done) std::abort();
}

// Fetched once: an implicit fetch costs more than hashing a small part.
const EVP_MD* sha256_method() {
  static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  require(method != nullptr);
  return method;
}

EVP_MD_CTX* context_of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Digest sha256(BytesView bytes) {
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Digest digest;
  require(EVP_DigestInit_ex2(context.get(), sha256_method(), nullptr) == 1);
  require(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1);
  require(EVP_DigestFinal_ex(context.get(), digest.bytes.data(), nullptr) == 1);
  return digest;
}

Digest hmac_sha256(BytesView key, BytesView bytes) {
  Digest digest;
  unsigned size = 0;
  // An empty view may have no address, and OpenSSL takes a key without one for a mistake.
  require(HMAC(sha256_method(), key.empty() ? "" : key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
               bytes.size(), digest.bytes.data(), &size) != nullptr);
  return digest;
}

Secret derive_key(const Secret& key, std::string_view info) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr),
                                                                            &EVP_PKEY_CTX_free);
  std::string out(32, '\0');
  std::size_t size = out.size();
  const auto material = key.reveal();
  require(EVP_PKEY_derive_init(context.get()) == 1);
  require(EVP_PKEY_CTX_set_hkdf_md(context.get(), sha256_method()) == 1);
  require(EVP_PKEY_CTX_set1_hkdf_key(context.get(), reinterpret_cast<const unsigned char*>(material.data()),
                                     static_cast<int>(material.size())) == 1);
  require(EVP_PKEY_CTX_add1_hkdf_info(context.get(), reinterpret_cast<const unsigned char*>(info.data()),
                                      static_cast<int>(info.size())) == 1);
  require(EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size) == 1 && size == out.size());
  Secret derived{std::string_view(out)};
  OPENSSL_cleanse(out.data(), out.size());
  return derived;
}

Bytes random_bytes(std::size_t count) {
  Bytes bytes(count, '\0');
  require(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1);
  return bytes;
}

std::string random_token(std::size_t bytes) { return base64url_encode(random_bytes(bytes)); }

bool equal_in_constant_time(BytesView a, BytesView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr && EVP_DigestInit_ex2(context_of(context_), sha256_method(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_of(context_)); }

void Sha256::update(BytesView bytes) {
  require(EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(context_of(context_), digest.bytes.data(), nullptr) == 1);
  require(EVP_DigestInit_ex2(context_of(context_), sha256_method(), nullptr) == 1);
  return digest;
}

}  // namespace kopial
