#include "server/people/passkeys.h"

#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/base/json_fields.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "passkeys";
constexpr std::size_t kPasskeysMax = 20, kUsedMax = 100'000, kStateMax = 1000;
constexpr std::chrono::minutes kLife{5};

std::optional<std::string> bytes(const json::object& object, std::string_view name) {
  const auto encoded = text(object, name);
  return encoded.empty() ? std::nullopt : base64url_decode(encoded);
}

struct Kept {
  std::vector<Passkey> passkeys;
  std::uint64_t revision = 0;
};

Result<Kept> load(Records& records, const std::string& user) {
  auto record = records.get(kKind, user);
  if (!record) return record.error();
  Kept kept;
  if (!*record) return kept;
  const Error unreadable{ErrorCode::corrupt, "the record of a user's passkeys cannot be read"};
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  const auto* all = bad || !value.is_object() ? nullptr : value.get_object().if_contains("passkeys");
  if (all == nullptr || !all->is_array()) return unreadable;
  kept.revision = (*record)->revision;
  for (const auto& one : all->get_array()) {
    if (!one.is_object()) return unreadable;
    const auto& object = one.get_object();
    const auto number = [&](std::string_view name) {
      const auto* given = object.if_contains(name);
      return given != nullptr && given->is_int64() ? given->get_int64() : 0;
    };
    const auto yes = [&](std::string_view name) {
      const auto* given = object.if_contains(name);
      return given != nullptr && given->is_bool() && given->get_bool();
    };
    Passkey passkey{text(object, "id"), text(object, "name"), {}, parse_rfc3339(text(object, "created_at")).value_or(Time{}), parse_rfc3339(text(object, "used_at"))};
    passkey.key = {bytes(object, "credential").value_or(""), number("algorithm"), bytes(object, "public_key").value_or(""), static_cast<std::uint32_t>(number("counter")), yes("user_verified"), yes("synced")};
    if (passkey.key.credential.empty() || passkey.key.public_key.empty()) return unreadable;
    kept.passkeys.push_back(std::move(passkey));
  }
  return kept;
}

// conflict when it was changed meanwhile.
Result<void> keep(Records& records, const std::string& user, const Kept& kept) {
  json::array all;
  for (const auto& one : kept.passkeys) {
    all.push_back({{"id", one.id}, {"name", one.name}, {"credential", base64url_encode(one.key.credential)}, {"algorithm", one.key.algorithm},
                   {"public_key", base64url_encode(one.key.public_key)}, {"counter", std::int64_t{one.key.counter}}, {"user_verified", one.key.user_verified},
                   {"synced", one.key.synced}, {"created_at", format_rfc3339(one.created_at)}, {"used_at", one.used_at ? format_rfc3339(*one.used_at) : ""}});
  }
  return records.put(std::string(kKind), user, json::serialize(json::object{{"v", 1}, {"passkeys", std::move(all)}}), kept.revision);
}

json::array described(const std::vector<Passkey>& passkeys) {
  json::array out;
  for (const auto& one : passkeys) out.push_back({{"type", "public-key"}, {"id", base64url_encode(one.key.credential)}});
  return out;
}

std::string challenge_of(const std::string& state) { return std::string(sha256(state).view()); }
constexpr std::int64_t kTimeout = std::chrono::milliseconds(kLife).count();

}  // namespace

Passkeys::Passkeys(const Settings& settings, Clock& clock) : settings_(settings), clock_(clock), key_(random_bytes(32)) {}

// u8 version, u8 use, fixed64 end in milliseconds, blob tenant, blob user, 16 random bytes; then the HMAC of all that.
std::string Passkeys::make_state(Use use, const std::string& tenant, const std::string& user) const {
  Encoder encoder;
  encoder.u8(1).u8(static_cast<std::uint8_t>(use)).fixed64(static_cast<std::uint64_t>(to_milliseconds(clock_.now() + kLife))).blob(tenant).blob(user).raw(random_bytes(16));
  auto state = encoder.take();
  state += hmac_sha256(key_.reveal(), state).view();
  return base64url_encode(state);
}

std::optional<Passkeys::State> Passkeys::opened(const std::string& state) {
  const auto raw = state.size() > kStateMax ? std::nullopt : base64url_decode(state);
  if (!raw || raw->size() < 32) return std::nullopt;
  const auto body = std::string_view(*raw).substr(0, raw->size() - 32), mac = std::string_view(*raw).substr(raw->size() - 32);
  if (!equal_in_constant_time(mac, hmac_sha256(key_.reveal(), body).view())) return std::nullopt;
  Decoder decoder(body);
  const auto version = decoder.u8(), use = decoder.u8();
  const auto until = from_milliseconds(static_cast<std::int64_t>(decoder.fixed64()));
  State out{static_cast<Use>(use), std::string(decoder.blob()), std::string(decoder.blob())};
  if (!decoder.ok() || version != 1 || clock_.now() >= until) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (used_.contains(sha256(body).hex())) return std::nullopt;
  return out;
}

bool Passkeys::use_up(const std::string& state) {
  const auto raw = base64url_decode(state).value_or(std::string(32, '\0'));
  const auto now = clock_.now();
  const std::lock_guard lock(mutex_);
  std::erase_if(used_, [&](const auto& one) { return now >= one.second; });
  if (used_.size() >= kUsedMax) return false;
  return used_.emplace(sha256(std::string_view(raw).substr(0, raw.size() - 32)).hex(), now + kLife).second;
}

Result<Passkeys::Challenge> Passkeys::start_adding(Records& records, const std::string& tenant, const User& user) {
  auto party = relying_party(settings_.http.public_url);
  if (!party) return party.error();
  auto kept = load(records, user.id);
  if (!kept) return kept.error();
  Challenge out{make_state(Use::add, tenant, user.id), {}};
  json::array algorithms;
  for (const int algorithm : {-7, -8, -257}) algorithms.push_back({{"type", "public-key"}, {"alg", algorithm}});
  out.options = {{"rp", {{"id", party->id}, {"name", "Kopial"}}},
                 // The organisation is part of the name: browsers show the passkeys of all of them in one list.
                 {"user", {{"id", base64url_encode(user.id)}, {"name", tenant.empty() ? user.username : user.username + " (" + tenant + ")"}, {"displayName", user.display_name}}},
                 {"challenge", base64url_encode(challenge_of(out.state))},
                 {"pubKeyCredParams", std::move(algorithms)},
                 {"timeout", kTimeout},
                 {"attestation", "none"},
                 {"excludeCredentials", described(kept->passkeys)},
                 {"authenticatorSelection", {{"residentKey", "preferred"}, {"userVerification", "preferred"}}}};
  return out;
}

Result<Passkeys::Challenge> Passkeys::start(Use use, Records& records, const std::string& tenant, const std::string& user) {
  auto party = relying_party(settings_.http.public_url);
  if (!party) return party.error();
  Challenge out{make_state(use, tenant, user), {}};
  json::array allowed;
  if (!user.empty()) {
    auto kept = load(records, user);
    if (!kept) return kept.error();
    if (kept->passkeys.empty()) return Error{ErrorCode::conflict, "this user has no passkey"};
    allowed = described(kept->passkeys);
  }
  out.options = {{"challenge", base64url_encode(challenge_of(out.state))}, {"rpId", party->id}, {"timeout", kTimeout},
                 {"userVerification", use == Use::sign_in ? "required" : "preferred"}, {"allowCredentials", std::move(allowed)}};
  return out;
}

Result<Passkey> Passkeys::add(Records& records, const std::string& state, const std::string& user, std::string name, const json::object& credential) {
  auto party = relying_party(settings_.http.public_url);
  if (!party) return party.error();
  const auto asked = opened(state);
  if (!asked || asked->use != Use::add || asked->user != user) return Error{ErrorCode::invalid, "this was not asked, or too long ago; start anew"};
  const auto* response = credential.if_contains("response");
  if (response == nullptr || !response->is_object()) return Error{ErrorCode::invalid, "'credential' is not what navigator.credentials.create() gives"};
  auto key = read_registration(*party, challenge_of(state), bytes(response->get_object(), "clientDataJSON").value_or(""), bytes(response->get_object(), "attestationObject").value_or(""));
  if (!key) return key.error();
  auto kept = load(records, user);
  if (!kept) return kept.error();
  if (kept->passkeys.size() >= kPasskeysMax) return Error{ErrorCode::conflict, "a user has at most 20 passkeys; remove one"};
  for (const auto& one : kept->passkeys) {
    if (one.key.credential == key->credential) return Error{ErrorCode::conflict, "this passkey is known already"};
  }
  if (!use_up(state)) return Error{ErrorCode::unavailable, "too many at once; try again"};
  kept->passkeys.push_back({random_token(), std::move(name), *std::move(key), clock_.now(), std::nullopt});
  if (auto done = keep(records, user, *kept); !done) return done.error();
  return kept->passkeys.back();
}

Result<std::string> Passkeys::check(Records& records, const std::string& state, const json::object& credential) {
  auto party = relying_party(settings_.http.public_url);
  if (!party) return party.error();
  const Error unknown{ErrorCode::invalid, "this passkey is not known here"};
  const auto asked = opened(state);
  if (!asked || asked->use == Use::add) return Error{ErrorCode::invalid, "this was not asked, or too long ago; start anew"};
  const auto* response = credential.if_contains("response");
  if (response == nullptr || !response->is_object()) return Error{ErrorCode::invalid, "'credential' is not what navigator.credentials.get() gives"};
  const auto& parts = response->get_object();
  const auto handle = bytes(parts, "userHandle").value_or("");
  // Who says nothing of himself is whom the state names; who does must be him.
  if (!asked->user.empty() && !handle.empty() && handle != asked->user) return unknown;
  const auto user = asked->user.empty() ? handle : asked->user;
  if (user.empty() || user.size() > 64) return unknown;
  const auto id = bytes(credential, "rawId").value_or(bytes(credential, "id").value_or(""));
  auto kept = load(records, user);
  if (!kept) return kept.error();
  const auto found = std::find_if(kept->passkeys.begin(), kept->passkeys.end(), [&](const Passkey& one) { return one.key.credential == id; });
  if (found == kept->passkeys.end()) return unknown;
  auto counter = check_assertion(*party, challenge_of(state), found->key, bytes(parts, "clientDataJSON").value_or(""), bytes(parts, "authenticatorData").value_or(""),
                                 bytes(parts, "signature").value_or(""), asked->use == Use::sign_in);
  if (!counter) return counter.error();
  if (!use_up(state)) return Error{ErrorCode::unavailable, "it was used already, or too many are at once; try again"};
  found->key.counter = *counter;
  found->used_at = clock_.now();
  auto done = keep(records, user, *kept);
  if (!done && done.error().code == ErrorCode::conflict) return Error{ErrorCode::invalid, "it was used elsewhere in this moment; try again"};
  if (!done) return done.error();
  return user;
}

Result<std::vector<Passkey>> Passkeys::list(Records& records, const std::string& user) {
  auto kept = load(records, user);
  if (!kept) return kept.error();
  return std::move(kept->passkeys);
}

Result<void> Passkeys::remove(Records& records, const std::string& user, const std::string& id) {
  auto kept = load(records, user);
  if (!kept) return kept.error();
  if (std::erase_if(kept->passkeys, [&](const Passkey& one) { return one.id == id; }) == 0) return Error{ErrorCode::not_found, "there is no such passkey"};
  return keep(records, user, *kept);
}

Result<void> Passkeys::remove_all(Records& records, const std::string& user) { return records.remove(std::string(kKind), user); }

}  // namespace kopial
