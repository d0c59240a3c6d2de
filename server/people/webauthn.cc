#include "server/people/webauthn.h"

#include <boost/json.hpp>
#include <boost/url.hpp>
#include <cbor.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>

#include <memory>
#include <optional>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kBytesMax = 16 << 10;  // Of each part: real ones are below 2 KiB without attestation.
constexpr std::size_t kCredentialMax = 1023;  // Level 2, section 4
constexpr unsigned char kPresent = 0x01, kVerified = 0x04, kMaySync = 0x08;
constexpr int kAlgorithms[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

Error wrong(std::string_view what) { return {ErrorCode::invalid, "this answer of the passkey is not taken: " + std::string(what)}; }
const unsigned char* octets(BytesView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

struct Free {
  void operator()(fido_cred_t* one) const { fido_cred_free(&one); }
  void operator()(fido_assert_t* one) const { fido_assert_free(&one); }
  void operator()(es256_pk_t* one) const { es256_pk_free(&one); }
  void operator()(eddsa_pk_t* one) const { eddsa_pk_free(&one); }
  void operator()(rs256_pk_t* one) const { rs256_pk_free(&one); }
  void operator()(cbor_item_t* one) const { cbor_decref(&one); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

void begin() {
  static const bool done = (fido_init(FIDO_DISABLE_U2F_FALLBACK), true);
  (void)done;
}

// What the browser says it was asked, by whom.
Result<void> check_client_data(BytesView text, std::string_view type, const RelyingParty& party, BytesView challenge) {
  json::parse_options options;
  options.max_depth = 8;
  json::error_code bad;
  const auto value = json::parse(json::string_view(text.data(), text.size()), bad, {}, options);
  if (bad || !value.is_object()) return wrong("its client data cannot be read");
  const auto& object = value.get_object();
  const auto said = [&](std::string_view name) {
    const auto* one = object.if_contains(name);
    return one != nullptr && one->is_string() ? std::string_view(one->get_string()) : std::string_view();
  };
  if (said("type") != type) return wrong("it is for something else");
  if (!equal_in_constant_time(said("challenge"), base64url_encode(challenge))) return wrong("it answers another question");
  if (said("origin") != party.origin) return wrong("it was given at another address than " + party.origin);
  if (const auto* cross = object.if_contains("crossOrigin"); cross != nullptr && !(cross->is_bool() && !cross->get_bool())) return wrong("it was asked for inside of another page");
  return {};
}

std::optional<std::string> authenticator_data_of(BytesView attestation_object) {
  cbor_load_result read{};
  const Owned<cbor_item_t> root(cbor_load(octets(attestation_object), attestation_object.size(), &read));
  if (!root || read.error.code != CBOR_ERR_NONE || read.read != attestation_object.size() || !cbor_isa_map(root.get()) || !cbor_map_is_definite(root.get())) return std::nullopt;
  std::optional<std::string> found;
  for (std::size_t at = 0; at < cbor_map_size(root.get()); ++at) {
    const auto& pair = cbor_map_handle(root.get())[at];
    if (!cbor_isa_string(pair.key) || !cbor_string_is_definite(pair.key)) return std::nullopt;
    const std::string_view name(reinterpret_cast<const char*>(cbor_string_handle(pair.key)), cbor_string_length(pair.key));
    if (name != "authData") continue;
    if (found || !cbor_isa_bytestring(pair.value) || !cbor_bytestring_is_definite(pair.value)) return std::nullopt;
    found.emplace(reinterpret_cast<const char*>(cbor_bytestring_handle(pair.value)), cbor_bytestring_length(pair.value));
  }
  return found;
}

bool verify(const fido_assert_t& assertion, const WebAuthnKey& key) {
  const auto with = [&](auto made, auto from) {
    return made && from(made.get(), key.public_key.data(), key.public_key.size()) == FIDO_OK &&
           fido_assert_verify(&assertion, 0, static_cast<int>(key.algorithm), made.get()) == FIDO_OK;
  };
  switch (key.algorithm) {
    case COSE_ES256: return with(Owned<es256_pk_t>(es256_pk_new()), es256_pk_from_ptr);
    case COSE_EDDSA: return with(Owned<eddsa_pk_t>(eddsa_pk_new()), eddsa_pk_from_ptr);
    case COSE_RS256: return with(Owned<rs256_pk_t>(rs256_pk_new()), rs256_pk_from_ptr);
    default: return false;
  }
}

}  // namespace

Result<RelyingParty> relying_party(std::string_view public_url) {
  if (public_url.empty()) return Error{ErrorCode::invalid, "the configuration lacks http.public_url: a passkey is bound to the name in it"};
  const auto url = boost::urls::parse_uri(public_url);
  if (!url || url->scheme() != "https" || url->host_type() != boost::urls::host_type::name || url->host_name().empty()) {
    return Error{ErrorCode::invalid, "http.public_url must be https:// and a host's name for passkeys: browsers bind none to a number"};
  }
  RelyingParty party;
  for (const char c : url->host_name()) party.id += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  party.origin = "https://" + party.id;
  if (url->has_port() && !url->port().empty() && url->port() != "443") party.origin += ":" + std::string(url->port());
  return party;
}

Result<WebAuthnKey> read_registration(const RelyingParty& party, BytesView challenge, BytesView client_data, BytesView attestation_object) {
  begin();
  if (client_data.size() > kBytesMax || attestation_object.size() > kBytesMax) return wrong("it is too large");
  if (auto fine = check_client_data(client_data, "webauthn.create", party, challenge); !fine) return fine.error();
  const auto raw = authenticator_data_of(attestation_object);
  // 32 bytes: whom it is for; flags; a counter of 4 bytes; then the key.
  if (!raw || raw->size() < 37) return wrong("it has no authenticator data");
  if (!equal_in_constant_time(BytesView(*raw).substr(0, 32), sha256(party.id).view())) return wrong("it is for another host");
  const auto flags = static_cast<unsigned char>((*raw)[32]);
  if ((flags & kPresent) == 0) return wrong("nobody was there");
  for (const int algorithm : kAlgorithms) {  // The library wants to be told which one to expect.
    const Owned<fido_cred_t> credential(fido_cred_new());
    if (!credential || fido_cred_set_type(credential.get(), algorithm) != FIDO_OK) return Error{ErrorCode::internal, "no memory for a passkey"};
    if (fido_cred_set_authdata_raw(credential.get(), octets(*raw), raw->size()) != FIDO_OK) continue;
    const auto* id = fido_cred_id_ptr(credential.get());
    const auto* point = fido_cred_pubkey_ptr(credential.get());
    if (id == nullptr || point == nullptr || fido_cred_id_len(credential.get()) == 0 || fido_cred_id_len(credential.get()) > kCredentialMax) continue;
    WebAuthnKey key;
    key.credential.assign(reinterpret_cast<const char*>(id), fido_cred_id_len(credential.get()));
    key.algorithm = algorithm;
    key.public_key.assign(reinterpret_cast<const char*>(point), fido_cred_pubkey_len(credential.get()));
    key.counter = fido_cred_sigcount(credential.get());
    key.user_verified = (flags & kVerified) != 0;
    key.synced = (flags & kMaySync) != 0;
    return key;
  }
  return wrong("its key cannot be read, or is of a kind that is not taken (ES256, EdDSA and RS256 are)");
}

Result<std::uint32_t> check_assertion(const RelyingParty& party, BytesView challenge, const WebAuthnKey& key, BytesView client_data, BytesView authenticator_data,
                                      BytesView signature, bool user_verified) {
  begin();
  if (client_data.size() > kBytesMax || authenticator_data.size() > kBytesMax || signature.size() > kBytesMax) return wrong("it is too large");
  if (auto fine = check_client_data(client_data, "webauthn.get", party, challenge); !fine) return fine.error();
  const Owned<fido_assert_t> assertion(fido_assert_new());
  if (!assertion) return Error{ErrorCode::internal, "no memory for a passkey"};
  const auto hash = sha256(client_data);
  const bool set = fido_assert_set_clientdata_hash(assertion.get(), octets(hash.view()), hash.view().size()) == FIDO_OK &&
                   fido_assert_set_rp(assertion.get(), party.id.c_str()) == FIDO_OK && fido_assert_set_up(assertion.get(), FIDO_OPT_TRUE) == FIDO_OK &&
                   fido_assert_set_uv(assertion.get(), user_verified ? FIDO_OPT_TRUE : FIDO_OPT_OMIT) == FIDO_OK && fido_assert_set_count(assertion.get(), 1) == FIDO_OK &&
                   fido_assert_set_authdata_raw(assertion.get(), 0, octets(authenticator_data), authenticator_data.size()) == FIDO_OK &&
                   fido_assert_set_sig(assertion.get(), 0, octets(signature), signature.size()) == FIDO_OK;
  if (!set) return wrong("it cannot be read");
  // Whom it is for, that somebody was there and showed that it is he, and the signature: all of it by the library.
  if (!verify(*assertion, key)) return wrong(user_verified ? "its signature is wrong, or nobody showed that it is he" : "its signature is wrong, or nobody was there");
  const auto counter = fido_assert_sigcount(assertion.get(), 0);
  // Keys that are on several devices do not count.
  if ((counter != 0 || key.counter != 0) && counter <= key.counter) return wrong("its counter went back: there may be a copy of it; remove it");
  return counter;
}

}  // namespace kopial
