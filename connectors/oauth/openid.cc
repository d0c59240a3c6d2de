#include "connectors/oauth/openid.h"

#include <cjose/cjose.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "connectors/http/url.h"
#include "storage/base/encoding.h"
#include "storage/base/json_fields.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kTokenBytesMax = 64 << 10, kKeysMax = 100;
constexpr std::chrono::minutes kSkew{5}, kRefetchAfter{5};
constexpr std::chrono::hours kKept{24};
constexpr std::string_view kTenant = "{tenantid}";

// What a signature may be made with, and the kind of key it needs. Never `none`, never a shared secret.
constexpr std::pair<std::string_view, std::string_view> kAlgorithms[] = {{"RS256", "RSA"}, {"RS384", "RSA"}, {"RS512", "RSA"}, {"PS256", "RSA"},
                                                                         {"PS384", "RSA"}, {"PS512", "RSA"}, {"ES256", "EC"},  {"ES384", "EC"}};

Error refused(std::string_view why) { return {ErrorCode::unauthenticated, "the identity provider's token is not accepted: " + std::string(why)}; }

std::optional<json::object> parse_object(std::string_view bytes) {
  json::parse_options options;
  options.max_depth = 16;
  json::error_code bad;
  auto value = json::parse(bytes, bad, {}, options);
  if (bad || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::optional<Time> time_claim(const json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const auto seconds = value->to_number<double>();
  if (!(seconds > 0 && seconds < 1e11)) return std::nullopt;
  return from_milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

// The one key a token names. More than one would let the sender choose.
Result<const json::object*> find_key(const json::value& keys, const std::string& kid, std::string_view algorithm, std::string_view type) {
  const auto* set = keys.is_object() ? keys.get_object().if_contains("keys") : nullptr;
  if (set == nullptr || !set->is_array() || set->get_array().size() > kKeysMax) return Error{ErrorCode::unavailable, "the provider's keys cannot be read"};
  std::vector<const json::object*> fitting;
  for (const auto& one : set->get_array()) {
    if (!one.is_object()) continue;
    const auto& key = one.get_object();
    const auto use = text(key, "use"), made_for = text(key, "alg");
    if (text(key, "kty") != type || (!use.empty() && use != "sig") || (!made_for.empty() && made_for != algorithm)) continue;
    if (!kid.empty() && text(key, "kid") != kid) continue;
    fitting.push_back(&key);
  }
  if (fitting.empty()) return Error{ErrorCode::not_found, "the key it was signed with is not among the provider's"};
  if (fitting.size() > 1) return refused("it does not say which key it was signed with");
  return fitting.front();
}

template <typename T, void (*release)(T*)>
struct Releaser {
  void operator()(T* one) const { release(one); }
};
void release_jws(cjose_jws_t* jws) { cjose_jws_release(jws); }
void release_jwk(cjose_jwk_t* jwk) { cjose_jwk_release(jwk); }

Result<json::object> verified_claims(const std::string& token, const json::object& key) {
  cjose_err error{};
  const std::unique_ptr<cjose_jws_t, Releaser<cjose_jws_t, release_jws>> jws(cjose_jws_import(token.data(), token.size(), &error));
  if (!jws) return refused("it is no signed token");
  const auto key_text = json::serialize(key);
  const std::unique_ptr<cjose_jwk_t, Releaser<cjose_jwk_t, release_jwk>> jwk(cjose_jwk_import(key_text.data(), key_text.size(), &error));
  if (!jwk) return Error{ErrorCode::unavailable, "the provider's key cannot be read"};
  if (!cjose_jws_verify(jws.get(), jwk.get(), &error)) return refused("its signature is wrong");
  std::uint8_t* plain = nullptr;
  std::size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &plain, &size, &error)) return refused("it is empty");
  auto claims = parse_object({reinterpret_cast<const char*>(plain), size});
  if (!claims) return refused("its claims are no JSON object");
  return *std::move(claims);
}

bool is_for(const json::object& claims, const std::string& client_id) {
  const auto* audience = claims.if_contains("aud");
  if (audience == nullptr) return false;
  if (audience->is_string()) return audience->get_string() == client_id;
  if (!audience->is_array()) return false;
  const auto& all = audience->get_array();
  const bool named = std::any_of(all.begin(), all.end(), [&](const json::value& one) { return one.is_string() && one.get_string() == client_id; });
  // For several: it must say that it was made for us.
  return named && (all.size() == 1 || text(claims, "azp") == client_id);
}

Result<void> check_claims(const json::object& claims, const IdTokenRules& rules) {
  const auto tid = text(claims, "tid");
  auto issuer = rules.issuer;
  if (const auto at = issuer.find(kTenant); at != std::string::npos) {
    if (tid.empty() || rules.tenants.empty()) return refused("an issuer for any tenant needs a list of those that are let in");
    issuer.replace(at, kTenant.size(), tid);
  }
  if (text(claims, "iss") != issuer) return refused("it is from another issuer");
  if (!is_for(claims, rules.client_id)) return refused("it is meant for another application");
  if (const auto azp = text(claims, "azp"); !azp.empty() && azp != rules.client_id) return refused("it was made for another application");
  if (!rules.tenants.empty() && std::find(rules.tenants.begin(), rules.tenants.end(), tid) == rules.tenants.end()) return refused("its tenant is not let in");
  const auto expires = time_claim(claims, "exp"), issued = time_claim(claims, "iat"), not_before = time_claim(claims, "nbf");
  if (!expires || rules.now >= *expires + kSkew) return refused("it has expired");
  if (!issued || rules.now + kSkew < *issued) return refused("it was made in the future; is the clock right?");
  if (claims.contains("nbf") && (!not_before || rules.now + kSkew < *not_before)) return refused("it does not hold yet");
  if (rules.nonce.empty() || text(claims, "nonce") != rules.nonce) return refused("it does not belong to this sign-in");
  if (const auto subject = text(claims, "sub"); subject.empty() || subject.size() > 255) return refused("it names nobody");
  return {};
}

class CachedProvider final : public OpenIdProvider {
 public:
  CachedProvider(OpenIdSettings settings, HttpClient& http, Clock& clock) : settings_(std::move(settings)), http_(http), clock_(clock) {}

  Result<void> check(std::stop_token stop) override {
    auto found = discovery(stop, true);
    if (!found) return found.error();
    auto fetched = get(text(*found, "jwks_uri"), stop);
    return fetched ? Result<void>() : Result<void>(fetched.error());
  }

  Result<std::string> authorize_url(const std::string& state, const std::string& nonce, const std::string& challenge, const std::string& login_hint,
                                    std::stop_token stop) override {
    auto found = discovery(stop);
    if (!found) return found.error();
    const auto endpoint = text(*found, "authorization_endpoint");
    auto url = endpoint + (endpoint.find('?') == std::string::npos ? "?" : "&") +
               form_encode({{"client_id", settings_.client_id}, {"response_type", "code"}, {"redirect_uri", settings_.redirect_uri}, {"scope", settings_.scopes},
                            {"state", state}, {"nonce", nonce}, {"code_challenge", challenge}, {"code_challenge_method", "S256"}, {"response_mode", "query"}});
    if (!login_hint.empty()) url += "&" + form_encode({{"login_hint", login_hint}});
    return url;
  }

  Result<json::object> redeem(const std::string& code, const Secret& verifier, const std::string& nonce, const std::string& answered_issuer,
                              std::stop_token stop) override {
    auto found = discovery(stop);
    if (!found) return found.error();
    // An answer of another provider that was slipped in: its code must not be sent to this one.
    if (!answered_issuer.empty() && settings_.issuer.find(kTenant) == std::string::npos && answered_issuer != settings_.issuer) return refused("the answer is from another issuer");
    if (answered_issuer.empty() && flag(*found, "authorization_response_iss_parameter_supported")) return refused("the answer does not say whose it is");
    auto token = exchange(*found, code, verifier, stop);
    if (!token) return token.error();
    const IdTokenRules rules{settings_.issuer, settings_.client_id, nonce, settings_.tenants, clock_.now()};
    auto set = keys(false, stop);
    if (!set) return set.error();
    auto claims = check_id_token(*token, *set, rules);
    if (claims || claims.error().code != ErrorCode::not_found) return claims;
    set = keys(true, stop);  // Providers change keys without notice.
    if (!set) return set.error();
    claims = check_id_token(*token, *set, rules);
    if (!claims && claims.error().code == ErrorCode::not_found) return refused(claims.error().message);
    return claims;
  }

 private:
  static bool flag(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
  }

  Result<json::object> get(const std::string& url, std::stop_token stop) {
    HttpRequest request;
    request.url = url;
    request.headers = {{"Accept", "application/json"}};
    request.timeout = std::chrono::seconds(20);
    request.body_bytes_max = 1 << 20;
    auto response = http_.send(request, stop);
    if (!response) return Error{ErrorCode::unavailable, "the identity provider does not answer: " + response.error().message};
    if (response->status != 200) return Error{ErrorCode::unavailable, fmt::format("the identity provider answered {} for {}", response->status, url)};
    auto object = parse_object(response->body);
    if (!object) return Error{ErrorCode::unavailable, "the identity provider's answer is no JSON: " + url};
    return *std::move(object);
  }

  // `now`: whether it answers at this moment is what is asked.
  Result<json::object> discovery(std::stop_token stop, bool now = false) {
    const std::lock_guard lock(mutex_);
    if (!now && discovery_ && clock_.now() - discovered_at_ < kKept) return *discovery_;
    auto issuer = settings_.issuer;
    if (const auto at = issuer.find(kTenant); at != std::string::npos) issuer.replace(at, kTenant.size(), "organizations");
    while (!issuer.empty() && issuer.back() == '/') issuer.pop_back();
    auto found = get(issuer + "/.well-known/openid-configuration", stop);
    if (!found) {
      if (discovery_ && !now) return *discovery_;  // Older is better than none while it does not answer.
      return found.error();
    }
    if (text(*found, "issuer") != settings_.issuer) {
      return Error{ErrorCode::invalid, "the provider calls itself '" + text(*found, "issuer").substr(0, 200) + "', not '" + settings_.issuer + "': write the issuer exactly so"};
    }
    for (const char* needed : {"authorization_endpoint", "token_endpoint", "jwks_uri"}) {
      if (text(*found, needed).empty()) return Error{ErrorCode::invalid, std::string("the provider's configuration lacks ") + needed};
    }
    discovery_ = *std::move(found);
    discovered_at_ = clock_.now();
    return *discovery_;
  }

  // `anew`: a token names a key that is not there. Asked at most once in five minutes, so that forged tokens cannot make us ask.
  Result<json::value> keys(bool anew, std::stop_token stop) {
    auto found = discovery(stop);
    if (!found) return found.error();
    const std::lock_guard lock(mutex_);
    const auto age = clock_.now() - fetched_at_;
    if (keys_ && (anew ? age < kRefetchAfter && refetched_ : age < kKept)) return *keys_;
    auto set = get(text(*found, "jwks_uri"), stop);
    if (!set) return keys_ ? Result<json::value>(*keys_) : Result<json::value>(set.error());
    refetched_ = keys_.has_value();
    keys_ = json::value(*std::move(set));
    fetched_at_ = clock_.now();
    return *keys_;
  }

  Result<std::string> exchange(const json::object& found, const std::string& code, const Secret& verifier, std::stop_token stop) {
    HttpRequest request;
    request.method = "POST";
    request.url = text(found, "token_endpoint");
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    request.body = form_encode({{"grant_type", "authorization_code"}, {"client_id", settings_.client_id}, {"code", code}, {"redirect_uri", settings_.redirect_uri},
                                {"code_verifier", verifier.reveal()}});
    if (!settings_.client_secret.empty()) request.body += "&" + form_encode({{"client_secret", settings_.client_secret.reveal()}});
    request.timeout = std::chrono::seconds(20);
    request.body_bytes_max = 1 << 20;
    auto response = http_.send(request, stop);
    if (!response) return Error{ErrorCode::unavailable, "the identity provider does not answer: " + response.error().message};
    auto body = parse_object(response->body);
    if (response->status != 200) {
      if (response->status >= 500) return Error{ErrorCode::unavailable, fmt::format("the identity provider answered {}", response->status)};
      return Error{ErrorCode::unauthenticated, "the identity provider refused the sign-in: " + (body ? text(*body, "error") + " " + text(*body, "error_description").substr(0, 300) : "")};
    }
    auto token = body ? text(*body, "id_token") : "";
    if (token.empty()) return refused("the provider gave none");
    return token;
  }

  const OpenIdSettings settings_;
  HttpClient& http_;
  Clock& clock_;
  std::mutex mutex_;  // Held while fetching: one asks, the others wait for his answer.
  std::optional<json::object> discovery_;
  std::optional<json::value> keys_;
  bool refetched_ = false;
  Time discovered_at_{}, fetched_at_{};
};

}  // namespace

Result<json::object> check_id_token(const std::string& token, const json::value& keys, const IdTokenRules& rules) {
  if (token.size() > kTokenBytesMax || std::count(token.begin(), token.end(), '.') != 2) return refused("it is no signed token");
  const auto head_bytes = base64url_decode(std::string_view(token).substr(0, token.find('.')));
  const auto head = head_bytes ? parse_object(*head_bytes) : std::nullopt;
  if (!head) return refused("its head cannot be read");
  if (head->contains("crit")) return refused("it asks for extensions that are not known here");
  const auto algorithm = text(*head, "alg"), kid = text(*head, "kid");
  const auto known = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms), [&](const auto& one) { return one.first == algorithm; });
  if (known == std::end(kAlgorithms)) return refused("it is not signed in a way that is accepted");
  auto key = find_key(keys, kid, algorithm, known->second);
  if (!key) return key.error();
  auto claims = verified_claims(token, **key);
  if (!claims) return claims.error();
  if (auto fine = check_claims(*claims, rules); !fine) return fine.error();
  return claims;
}

std::unique_ptr<OpenIdProvider> OpenIdProvider::make(OpenIdSettings settings, HttpClient& http, Clock& clock) {
  return std::make_unique<CachedProvider>(std::move(settings), http, clock);
}

}  // namespace kopial
