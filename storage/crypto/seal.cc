#include "storage/crypto/seal.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

void require(bool done) {
  if (!done) std::abort();
}

const EVP_CIPHER* cipher() {
  static EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  require(method != nullptr);
  return method;
}

const unsigned char* data_of(BytesView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* data_of(Bytes& bytes, std::size_t at) { return reinterpret_cast<unsigned char*>(bytes.data()) + at; }

EVP_CIPHER_CTX* context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> held(EVP_CIPHER_CTX_new(),
                                                                                        &EVP_CIPHER_CTX_free);
  require(held != nullptr);
  return held.get();
}

}  // namespace

Bytes seal(const Secret& key, BytesView name, BytesView plain) {
  require(key.reveal().size() == 32);
  const Bytes nonce = random_bytes(kNonceBytes);
  Bytes out(1 + kNonceBytes + plain.size() + kTagBytes, '\0');
  out[0] = kVersion;
  out.replace(1, kNonceBytes, nonce);
  int size = 0;
  auto* const ctx = context();
  require(EVP_EncryptInit_ex2(ctx, cipher(), data_of(key.reveal()), data_of(nonce), nullptr) == 1);
  require(EVP_EncryptUpdate(ctx, nullptr, &size, data_of(name), static_cast<int>(name.size())) == 1);
  require(EVP_EncryptUpdate(ctx, data_of(out, 1 + kNonceBytes), &size, data_of(plain), static_cast<int>(plain.size())) == 1);
  require(EVP_EncryptFinal_ex(ctx, data_of(out, 1 + kNonceBytes + plain.size()), &size) == 1);
  require(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, kTagBytes, data_of(out, 1 + kNonceBytes + plain.size())) == 1);
  return out;
}

Result<Bytes> unseal(const Secret& key, BytesView name, BytesView sealed) {
  require(key.reveal().size() == 32);
  const Error broken{ErrorCode::corrupt, "a sealed value does not open: wrong key, or changed bytes"};
  if (sealed.size() < kSealOverhead || sealed[0] != kVersion) return broken;
  const BytesView nonce = sealed.substr(1, kNonceBytes);
  const BytesView text = sealed.substr(1 + kNonceBytes, sealed.size() - kSealOverhead);
  Bytes tag(sealed.substr(sealed.size() - kTagBytes));
  Bytes plain(text.size(), '\0');
  int size = 0;
  auto* const ctx = context();
  require(EVP_DecryptInit_ex2(ctx, cipher(), data_of(key.reveal()), data_of(nonce), nullptr) == 1);
  require(EVP_DecryptUpdate(ctx, nullptr, &size, data_of(name), static_cast<int>(name.size())) == 1);
  require(EVP_DecryptUpdate(ctx, data_of(plain, 0), &size, data_of(text), static_cast<int>(text.size())) == 1);
  require(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(ctx, data_of(plain, 0) + plain.size(), &size) != 1) return broken;
  return plain;
}

}  // namespace kopial
