#include "storage/crypto/timestamp.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* value) const { Free(value); }
};
using Request = std::unique_ptr<TS_REQ, Freed<TS_REQ_free>>;
using Response = std::unique_ptr<TS_RESP, Freed<TS_RESP_free>>;
using Verify = std::unique_ptr<TS_VERIFY_CTX, Freed<TS_VERIFY_CTX_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;

const unsigned char* data_of(BytesView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

Request make_request(const Digest& digest, BytesView nonce) {
  Request request(TS_REQ_new());
  const std::unique_ptr<TS_MSG_IMPRINT, Freed<TS_MSG_IMPRINT_free>> imprint(TS_MSG_IMPRINT_new());
  const std::unique_ptr<X509_ALGOR, Freed<X509_ALGOR_free>> algorithm(X509_ALGOR_new());
  X509_ALGOR_set_md(algorithm.get(), EVP_sha256());
  auto bytes = digest.bytes;
  if (TS_REQ_set_version(request.get(), 1) != 1 || TS_MSG_IMPRINT_set_algo(imprint.get(), algorithm.get()) != 1 ||
      TS_MSG_IMPRINT_set_msg(imprint.get(), bytes.data(), static_cast<int>(bytes.size())) != 1 ||
      TS_REQ_set_msg_imprint(request.get(), imprint.get()) != 1 || TS_REQ_set_cert_req(request.get(), 1) != 1) {
    std::abort();
  }
  if (!nonce.empty()) {
    const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(data_of(nonce), static_cast<int>(nonce.size()), nullptr));
    const std::unique_ptr<ASN1_INTEGER, Freed<ASN1_INTEGER_free>> integer(BN_to_ASN1_INTEGER(number.get(), nullptr));
    if (TS_REQ_set_nonce(request.get(), integer.get()) != 1) std::abort();
  }
  return request;
}

std::optional<Time> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return from_milliseconds(static_cast<std::int64_t>(timegm(&parts)) * 1000);
}

Error wrong(std::string_view what) {
  std::string why;
  if (const auto code = ERR_peek_last_error(); code != 0) {
    if (const char* reason = ERR_reason_error_string(code)) why = std::string(": ") + reason;
  }
  ERR_clear_error();
  return Error{ErrorCode::corrupt, std::string(what) + why};
}

// nullptr when there is no certificate in it.
Store store_of(std::string_view pem) {
  Store store(X509_STORE_new());
  const std::unique_ptr<BIO, Freed<BIO_free_all>> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool any = false;
  while (X509* certificate = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
    any = X509_STORE_add_cert(store.get(), certificate) == 1 || any;
    X509_free(certificate);
  }
  ERR_clear_error();
  return any ? std::move(store) : nullptr;
}

}  // namespace

Bytes timestamp_request(const Digest& digest, BytesView nonce) {
  const auto request = make_request(digest, nonce);
  unsigned char* der = nullptr;
  const int size = i2d_TS_REQ(request.get(), &der);
  if (size <= 0) std::abort();
  Bytes out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<Timestamp> read_timestamp(BytesView bytes, const Digest& digest, BytesView nonce, std::string_view trusted_pem) {
  const auto* at = data_of(bytes);
  const Response response(d2i_TS_RESP(nullptr, &at, static_cast<long>(bytes.size())));
  if (response == nullptr) return wrong("the answer is no time-stamp response");
  const long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(response.get())));
  if (status != TS_STATUS_GRANTED && status != TS_STATUS_GRANTED_WITH_MODS) {
    return Error{ErrorCode::denied, "the time-stamping authority refused, with status " + std::to_string(status)};
  }
  const auto request = make_request(digest, nonce);
  const Verify verify(TS_REQ_to_TS_VERIFY_CTX(request.get(), nullptr));
  if (verify == nullptr) return wrong("the time-stamp cannot be judged");
  int flags = TS_VFY_VERSION | TS_VFY_IMPRINT;
  if (!nonce.empty()) flags |= TS_VFY_NONCE;
  if (!trusted_pem.empty()) {
    auto store = store_of(trusted_pem);
    if (store == nullptr) return Error{ErrorCode::invalid, "there is no certificate among the trusted authorities"};
    TS_VERIFY_CTX_set_store(verify.get(), store.release());
    flags |= TS_VFY_SIGNATURE;
  }
  TS_VERIFY_CTX_set_flags(verify.get(), flags);
  if (TS_RESP_verify_response(verify.get(), response.get()) != 1) return wrong("the time-stamp is not of this checkpoint, or its authority is not trusted");

  TS_TST_INFO* const info = TS_RESP_get_tst_info(response.get());
  const auto stamped = info != nullptr ? time_of(TS_TST_INFO_get_time(info)) : std::nullopt;
  if (!stamped) return wrong("the time-stamp has no time");
  Timestamp timestamp{*stamped, "", std::nullopt};
  if (const auto* serial = TS_TST_INFO_get_serial(info)) {
    const Bytes raw(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)), static_cast<std::size_t>(ASN1_STRING_length(serial)));
    timestamp.serial = hex_encode(raw);
  }
  if (STACK_OF(X509)* signers = PKCS7_get0_signers(TS_RESP_get_token(response.get()), nullptr, 0)) {
    if (sk_X509_num(signers) > 0) timestamp.valid_until = time_of(X509_get0_notAfter(sk_X509_value(signers, 0)));
    sk_X509_free(signers);
  }
  ERR_clear_error();
  return timestamp;
}

}  // namespace kopial
