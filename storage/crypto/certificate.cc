#include "storage/crypto/certificate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

Error openssl_error(std::string_view doing) {
  char text[256] = "no detail";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return Error{ErrorCode::internal, fmt::format("{}: {}", doing, text)};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

bool is_address(const std::string& name) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), buffer) == 1 || inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::optional<Time> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return Time(std::chrono::seconds(timegm(&parts)));
}

}  // namespace

Result<CertificateAndKey> make_self_signed_certificate(const std::vector<std::string>& names, Time now, int days) {
  if (names.empty()) return Error{ErrorCode::invalid, "a certificate needs at least one name"};
  std::string alternatives;
  for (const auto& name : names) {
    if (name.find_first_of(",:\n ") != std::string::npos && !is_address(name)) {
      return Error{ErrorCode::invalid, fmt::format("'{}' is no name for a certificate", name)};
    }
    alternatives += fmt::format("{}{}:{}", alternatives.empty() ? "" : ",", is_address(name) ? "IP" : "DNS", name);
  }
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (!key || !certificate) return openssl_error("making a key");
  const std::time_t from = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() - 3600;
  X509_set_version(certificate.get(), X509_VERSION_3);
  const Bytes serial = "\x01" + random_bytes(15);  // positive, and too random to meet again
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), from);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), from + static_cast<std::time_t>(days) * 86'400);
  auto* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("Kopial"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_set_pubkey(certificate.get(), key.get());
  // CA:TRUE lets a client trust this very certificate as its own root; the path length keeps it from signing others.
  if (!add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature,keyCertSign") ||
      !add_extension(certificate.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(certificate.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(certificate.get(), NID_subject_alt_name, alternatives) ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return openssl_error("making a certificate");
  }
  const Bio certificate_out(BIO_new(BIO_s_mem())), key_out(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_X509(certificate_out.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("writing a certificate");
  }
  return CertificateAndKey{text_of(certificate_out.get()), Secret(text_of(key_out.get()))};
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    ERR_clear_error();
    return Error{ErrorCode::invalid, "this is not a PEM certificate"};
  }
  const auto from = time_of(X509_get0_notBefore(certificate.get())), until = time_of(X509_get0_notAfter(certificate.get()));
  if (!from || !until) return Error{ErrorCode::invalid, "the certificate has no readable period of validity"};
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  if (size < 0) return openssl_error("reading a certificate");
  const auto fingerprint = sha256(BytesView(reinterpret_cast<char*>(der), static_cast<std::size_t>(size))).hex();
  OPENSSL_free(der);
  const Bio subject(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(subject.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253);
  return CertificateFacts{*from, *until, text_of(subject.get()), fingerprint};
}

}  // namespace kopial
