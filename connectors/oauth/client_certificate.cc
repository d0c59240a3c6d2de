#include "connectors/oauth/client_certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <boost/json.hpp>

#include "storage/base/encoding.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr int kNewKeyBits = 3072, kKeyBitsMin = 2048;
constexpr std::chrono::minutes kAssertionLife{10};

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

Error failed(std::string_view doing) {
  char text[256] = "no detail";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return {ErrorCode::internal, fmt::format("{}: {}", doing, text)};
}
Error wrong(std::string message) {
  ERR_clear_error();
  return {ErrorCode::invalid, std::move(message)};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::optional<Time> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return Time(std::chrono::seconds(timegm(&parts)));
}

std::string digest_of(X509* certificate, const EVP_MD* method) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(certificate, method, bytes, &size) != 1) return {};
  return std::string(reinterpret_cast<char*>(bytes), size);
}

// A version 4 UUID.
std::string fresh_id() {
  unsigned char b[16];
  if (RAND_bytes(b, sizeof b) != 1) return {};
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  return fmt::format("{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", b[0], b[1], b[2], b[3], b[4], b[5],
                     b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

Result<Bytes> sign(EVP_PKEY* key, AssertionForm form, BytesView text) {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  if (!context || EVP_DigestSignInit(context.get(), &options, EVP_sha256(), nullptr, key) != 1) return failed("signing");
  // RFC 7518 section 3.5: MGF1 with the same hash, and a salt as long as the hash.
  if (form == AssertionForm::ps256 &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 || EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return failed("signing");
  }
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1) return failed("signing");
  Bytes out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size()) != 1) return failed("signing");
  out.resize(size);
  return out;
}

}  // namespace

Result<ClientCertificate> ClientCertificate::parse(const std::string& certificate_pem, const Secret& private_key_pem) {
  const Bio certificate_in(BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
  const Certificate certificate(PEM_read_bio_X509(certificate_in.get(), nullptr, nullptr, nullptr));
  if (!certificate) return wrong("the certificate is not in PEM form (-----BEGIN CERTIFICATE-----)");
  const auto text = private_key_pem.reveal();
  const Bio key_in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  // A password is never asked for on a terminal that a daemon does not have.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_in.get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  if (!key) return wrong("the private key is not in PEM form, or is protected by a password; give it unprotected (it is sealed here)");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key.get()) < kKeyBitsMin) {
    return wrong("Entra ID takes RSA keys of 2048 bits or more only; this one is another");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) return wrong("the private key does not belong to this certificate");
  const auto from = time_of(X509_get0_notBefore(certificate.get())), until = time_of(X509_get0_notAfter(certificate.get()));
  if (!from || !until) return wrong("the certificate has no readable period of validity");
  ClientCertificate out;
  out.certificate_pem_ = certificate_pem;
  out.private_key_pem_ = private_key_pem;
  out.not_before_ = *from;
  out.not_after_ = *until;
  out.sha1_ = digest_of(certificate.get(), EVP_sha1());
  out.sha256_ = digest_of(certificate.get(), EVP_sha256());
  out.key_ = std::move(key);
  return out;
}

Result<ClientCertificate> ClientCertificate::make(const std::string& name, Time now, int days) {
  const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> key(EVP_RSA_gen(kNewKeyBits));
  const Certificate certificate(X509_new());
  if (!key || !certificate) return failed("making a key");
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return failed("making a key");
  serial[0] &= 0x7f;  // Positive.
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  const std::time_t from = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() - 3600;
  X509_set_version(certificate.get(), X509_VERSION_3);
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), from);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), from + static_cast<std::time_t>(days) * 86'400);
  auto* const subject = X509_get_subject_name(certificate.get());
  const auto common = name.empty() ? std::string("Kopial") : name.substr(0, 60);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_set_pubkey(certificate.get(), key.get());
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return failed("making a certificate");
  const Bio certificate_out(BIO_new(BIO_s_mem())), key_out(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_X509(certificate_out.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("writing a certificate");
  }
  return parse(text_of(certificate_out.get()), Secret(text_of(key_out.get())));
}

std::string ClientCertificate::thumbprint() const {
  std::string out;
  for (const char c : sha1_) out += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return out;
}

Result<Secret> ClientCertificate::assertion(const std::string& audience, const std::string& client_id, AssertionForm form, Time now) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  json::object header{{"alg", form == AssertionForm::ps256 ? "PS256" : "RS256"}, {"typ", "JWT"}};
  if (form == AssertionForm::ps256) header["x5t#S256"] = base64url_encode(sha256_);
  else header["x5t"] = base64url_encode(sha1_);
  const auto id = fresh_id();
  if (id.empty()) return failed("signing");
  const json::object claims{{"aud", audience}, {"iss", client_id}, {"sub", client_id}, {"jti", id}, {"nbf", seconds}, {"iat", seconds},
                            {"exp", seconds + std::chrono::seconds(kAssertionLife).count()}};
  const auto text = base64url_encode(json::serialize(header)) + "." + base64url_encode(json::serialize(claims));
  auto signature = sign(static_cast<EVP_PKEY*>(key_.get()), form, text);
  if (!signature) return signature.error();
  return Secret(text + "." + base64url_encode(*signature));
}

}  // namespace kopial
