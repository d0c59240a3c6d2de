#include "server/people/second_factor.h"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <liboath/oath.h>

#include <algorithm>

#include "connectors/http/url.h"
#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "second_factor";
constexpr unsigned kStep = 30;
constexpr std::size_t kWindow = 1;  // One step before and after: clocks of phones are not exact.
constexpr std::size_t kSecretBytes = 20, kRecoveryCodes = 10;

struct Kept {
  std::string pending, secret;  // raw bytes
  std::int64_t last_step = 0;
  std::vector<std::string> recovery;  // hex SHA-256
  std::uint64_t revision = 0;
};

Result<Kept> load(Records& records, const std::string& user) {
  auto record = records.get(kKind, user);
  if (!record) return record.error();
  Kept kept;
  if (!*record) return kept;
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of a second factor cannot be read"};
  const auto& object = value.get_object();
  const auto bytes = [&](std::string_view name) {
    const auto* text = object.if_contains(name);
    return text != nullptr && text->is_string() ? base64_decode(text->get_string()).value_or("") : std::string();
  };
  kept.pending = bytes("pending");
  kept.secret = bytes("secret");
  if (const auto* last = object.if_contains("last_step"); last != nullptr && last->is_int64()) kept.last_step = last->get_int64();
  if (const auto* codes = object.if_contains("recovery"); codes != nullptr && codes->is_array()) {
    for (const auto& one : codes->get_array()) {
      if (one.is_string()) kept.recovery.emplace_back(one.get_string());
    }
  }
  kept.revision = (*record)->revision;
  return kept;
}

// conflict when another sign-in used something up meanwhile.
Result<void> keep(Records& records, const std::string& user, const Kept& kept) {
  return records.put(std::string(kKind), user,
                     json::serialize(json::object{{"v", 1}, {"pending", base64_encode(kept.pending)}, {"secret", base64_encode(kept.secret)}, {"last_step", kept.last_step},
                                                  {"recovery", json::array(kept.recovery.begin(), kept.recovery.end())}}),
                     kept.revision);
}

// The step a code belongs to; nullopt when it is wrong.
std::optional<std::int64_t> step_of(const std::string& secret, const std::string& code, Time now) {
  if (secret.empty() || code.size() != 6 || code.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const auto seconds = static_cast<time_t>(to_milliseconds(now) / 1000);
  int position = 0;
  if (oath_totp_validate2(secret.data(), secret.size(), seconds, kStep, 0, kWindow, &position, code.c_str()) < 0) return std::nullopt;
  return static_cast<std::int64_t>(seconds) / kStep + position;
}

std::string base32(const std::string& bytes) {
  char* text = nullptr;
  std::size_t size = 0;
  if (oath_base32_encode(bytes.data(), bytes.size(), &text, &size) != OATH_OK) return {};
  std::string out(text, size);
  free(text);
  while (!out.empty() && out.back() == '=') out.pop_back();
  return out;
}

std::vector<Secret> fresh_codes(Kept& kept) {
  kept.recovery.clear();
  std::vector<Secret> codes;
  for (std::size_t i = 0; i < kRecoveryCodes; ++i) {
    const auto hex = hex_encode(random_bytes(10));  // 80 bits: a fast hash is enough.
    kept.recovery.push_back(sha256(hex).hex());
    codes.emplace_back(hex.substr(0, 5) + "-" + hex.substr(5, 5) + "-" + hex.substr(10, 5) + "-" + hex.substr(15));
  }
  return codes;
}

std::string plain(const std::string& code) {  // As people type it.
  std::string out;
  for (const char c : code) {
    if (c != ' ' && c != '-') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

}  // namespace

Result<SecondFactor::State> SecondFactor::state() {
  auto kept = load(records_, user_);
  if (!kept) return kept.error();
  return State{!kept->secret.empty(), kept->recovery.size()};
}

Result<TotpStart> SecondFactor::start(const std::string& account) {
  auto kept = load(records_, user_);
  if (!kept) return kept.error();
  if (!kept->secret.empty()) return Error{ErrorCode::conflict, "a second factor is active; remove it first"};
  kept->pending = random_bytes(kSecretBytes);
  if (auto done = keep(records_, user_, *kept); !done) return done.error();
  const auto secret = base32(kept->pending);
  return TotpStart{Secret(secret), fmt::format("otpauth://totp/Kopial:{}?secret={}&issuer=Kopial&period={}&digits=6", percent_encode(account), secret, kStep)};
}

Result<std::vector<Secret>> SecondFactor::confirm(const std::string& code, Time now) {
  auto kept = load(records_, user_);
  if (!kept) return kept.error();
  if (kept->pending.empty()) return Error{ErrorCode::conflict, "there is nothing to confirm; start anew"};
  const auto step = step_of(kept->pending, code, now);
  if (!step) return Error{ErrorCode::invalid, "the code is wrong; is the clock of the phone right?"};
  kept->secret = std::move(kept->pending);
  kept->pending.clear();
  kept->last_step = *step;
  auto codes = fresh_codes(*kept);
  if (auto done = keep(records_, user_, *kept); !done) return done.error();
  return codes;
}

Result<std::vector<Secret>> SecondFactor::new_recovery_codes() {
  auto kept = load(records_, user_);
  if (!kept) return kept.error();
  auto codes = fresh_codes(*kept);
  if (auto done = keep(records_, user_, *kept); !done) return done.error();
  return codes;
}

Result<bool> SecondFactor::verify(const std::string& code, Time now) {
  auto kept = load(records_, user_);
  if (!kept) return kept.error();
  if (const auto step = step_of(kept->secret, code, now)) {
    if (*step <= kept->last_step) return false;  // Somebody looked over a shoulder.
    kept->last_step = *step;
  } else {
    const auto used = std::find(kept->recovery.begin(), kept->recovery.end(), sha256(plain(code)).hex());
    if (code.size() > 100 || used == kept->recovery.end()) return false;
    kept->recovery.erase(used);
  }
  auto done = keep(records_, user_, *kept);
  if (!done && done.error().code == ErrorCode::conflict) return false;  // Used at the same moment, elsewhere.
  if (!done) return done.error();
  return true;
}

Result<void> SecondFactor::remove(bool recovery_codes_too) {
  if (recovery_codes_too) return records_.remove(std::string(kKind), user_);
  auto kept = load(records_, user_);
  if (!kept) return kept.error();
  kept->secret.clear();
  kept->pending.clear();
  return keep(records_, user_, *kept);
}

}  // namespace kopial
