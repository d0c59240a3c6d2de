#include "server/people/sessions.h"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <semaphore>

#include "server/people/back_off.h"
#include "server/people/directories.h"
#include "server/people/second_factor.h"
#include "storage/base/encoding.h"
#include "storage/base/json_fields.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"
#include "storage/crypto/password.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "session", kReadOnly = "read_only";
constexpr std::string_view kAppMark = "+";  // before the secret of an app password: in no other token
constexpr std::string_view kSystem = "~";
constexpr std::chrono::hours kSessionLife{12};
constexpr std::chrono::seconds kHashWait{10};
constexpr std::ptrdiff_t kHashesAtOnce = 2;  // Each takes 46 MiB.
constexpr int kStrangersMax = 4;  // computing or waiting: of eight workers, the others answer those who are known
constexpr std::size_t kTokensMax = 100;  // of one user and kind

std::string record_kind(ApiToken::Kind kind) { return kind == ApiToken::Kind::token ? "api_token" : "app_password"; }

std::string folded(std::string_view address) {
  std::string out(address);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

Error wrong_sign_in() { return {ErrorCode::unauthenticated, "organisation, user name or password is wrong"}; }
Error no_person() { return {ErrorCode::denied, "an API token is nobody who could show anything: sign in"}; }
Error wrong_token() { return {ErrorCode::unauthenticated, "this sign-in is not valid, or has ended; sign in again"}; }

struct Opening {
  std::string how, remote_address;
  std::optional<Time> verified_at;  // of a session, not of a token
};

std::string encode(const ApiToken& token, std::string_view session, const Opening& opening = {}) {
  json::array scopes;
  for (const auto& scope : token.scopes) scopes.push_back(json::string(scope));
  return json::serialize(json::object{{"name", token.name},
                                      {"user", token.user_id},
                                      {"scopes", std::move(scopes)},
                                      {"expires_at", token.expires_at ? format_rfc3339(*token.expires_at) : ""},
                                      {"created_at", format_rfc3339(token.created_at)},
                                      {"session", session},
                                      {"app_password", token.kind == ApiToken::Kind::app_password},
                                      {"how", opening.how},
                                      {"remote_address", opening.remote_address},
                                      {"verified_at", opening.verified_at ? format_rfc3339(*opening.verified_at) : ""}});
}

class RecordSessions final : public Sessions {
 public:
  RecordSessions(Tenants& tenants, Records& system_records, Users& users, Directories& directories, Passkeys& passkeys, Clock& clock)
      : tenants_(tenants), system_(system_records), users_(users), directories_(directories), passkeys_(passkeys), clock_(clock), back_off_(clock),
        // Compared against when there is no such user, so that guessing names takes as long as guessing passwords.
        nobody_(hash_password(Secret(random_token()))) {}

  Result<SessionGrant> sign_in(const SignIn& who, const Secret& password, const std::string& code) override {
    auto found = know(who, password);
    if (!found) return found.error();
    if (auto second = second_factor(who, *found, code); !second) return second.error();
    accept(who);
    return open_session(*found, "password", who.remote_address);
  }

  Result<Passkeys::Challenge> start_passkey(const SignIn& who, const Secret& password) override {
    if (!who.username.empty()) {
      auto found = know(who, password);
      if (!found) return found.error();
      return passkeys_.start(Passkeys::Use::second_factor, found->records(system_), who.tenant, found->user.id);
    }
    // Of a tenant that is not there: as of any other. What it would be asked for fails later.
    return passkeys_.start(Passkeys::Use::sign_in, system_, who.tenant, "");
  }

  Result<Admitted> sign_in_with_passkey(const std::string& state, const json::object& credential, const std::string& remote_address) override {
    const Error wrong{ErrorCode::unauthenticated, "this passkey does not sign in here; begin anew, or sign in with your password"};
    const auto asked = passkeys_.opened(state);
    SignIn who{asked ? asked->tenant : "", "", remote_address};
    if (auto may = back_off_.check(address_key(who)); !may) return may.error();
    const auto fail = [&](std::string_view why) {
      back_off_.failed(address_key(who));
      spdlog::debug("a passkey from {} was refused: {}", remote_address, why);
      return wrong;
    };
    if (!asked || (asked->use != Passkeys::Use::sign_in && asked->use != Passkeys::Use::second_factor)) return fail("it was not asked for");
    Found found;
    if (!asked->tenant.empty()) {
      auto tenant = tenants_.open(asked->tenant);
      if (!tenant && (tenant.error().code == ErrorCode::not_found || tenant.error().code == ErrorCode::invalid)) return fail("there is no such tenant");
      if (!tenant) return tenant.error();
      found.tenant = *std::move(tenant);
    }
    auto user_id = passkeys_.check(found.records(system_), state, credential);
    if (!user_id && user_id.error().code == ErrorCode::invalid) return fail(user_id.error().message);
    if (!user_id) return user_id.error();
    auto user = users_.by_id(found.records(system_), *user_id);
    if (!user) return user.error();
    if (!*user || (*user)->disabled) return fail("its user is gone, or disabled");
    found.user = **std::move(user);
    who.username = found.user.username;
    accept(who);
    auto grant = open_session(found, asked->use == Passkeys::Use::sign_in ? "passkey" : "password and passkey", remote_address);
    if (!grant) return grant.error();
    return Admitted{asked->tenant, *std::move(grant)};
  }

  Result<Passkeys::Challenge> start_confirming(const Caller& caller) override {
    if (caller.is_token) return no_person();
    return passkeys_.start(Passkeys::Use::step_up, records_of(caller.tenant), caller.tenant ? caller.tenant->facts().slug : "", caller.user_id);
  }

  Result<void> confirm_with_passkey(const Caller& caller, const std::string& state, const json::object& credential, const std::string& remote_address) override {
    if (caller.is_token) return no_person();
    const SignIn who{caller.tenant ? caller.tenant->facts().slug : "", caller.username, remote_address};
    if (auto may = may_try(who); !may) return may;
    const auto asked = passkeys_.opened(state);
    const bool his = asked && asked->use == Passkeys::Use::step_up && asked->tenant == who.tenant && asked->user == caller.user_id;
    auto user = his ? passkeys_.check(records_of(caller.tenant), state, credential) : Result<std::string>(Error{ErrorCode::invalid, "this was not asked, or too long ago; start anew"});
    if (!user && user.error().code == ErrorCode::invalid) return refuse(who, {ErrorCode::denied, user.error().message});
    if (!user) return user.error();
    return confirmed(caller, who);
  }

  Result<SessionGrant> redeem(const SignIn& who, const Secret& code, const Secret& password, const std::string& second) override {
    if (auto may = may_try(who); !may) return may.error();
    auto found = find(who);
    if (!found) return found.error();
    const Error wrong{ErrorCode::unauthenticated, "organisation, user name or one-time code is wrong, or the code was used or has expired"};
    const auto* user = *found ? &(*found)->user : nullptr;
    const bool usable = user != nullptr && !user->disabled && !user->one_time_hash.empty() && user->one_time_until && clock_.now() < *user->one_time_until;
    if (!equal_in_constant_time(sha256(code.reveal()).hex(), usable ? user->one_time_hash : std::string(64, '0')) || !usable) return refuse(who, wrong);
    if (auto fine = check_password(password, user->username); !fine) return fine.error();
    if (auto shown = second_factor(who, **found, second); !shown) return shown.error();
    auto hash = hash_password_bounded(password);
    if (!hash) return hash.error();
    auto changed = *user;
    changed.password_hash = *std::move(hash);
    changed.one_time_hash.clear();
    changed.one_time_until.reset();
    auto kept = users_.update((*found)->records(system_), std::move(changed));  // The revision lets a code be used once only.
    if (!kept && kept.error().code == ErrorCode::conflict) return wrong;
    if (!kept) return kept.error();
    accept(who);
    return open_session({(*found)->tenant, *std::move(kept)}, "one-time code", who.remote_address);
  }

  Result<void> change_password(const Caller& caller, const Secret& password) override {
    Records& records = records_of(caller.tenant);
    auto user = users_.by_id(records, caller.user_id);
    if (!user) return user.error();
    if (!*user || (*user)->password_hash.empty()) return Error{ErrorCode::conflict, "you have no password here: it is your directory's, or your identity provider's"};
    if (auto fine = check_password(password, (*user)->username); !fine) return fine;
    auto hash = hash_password_bounded(password);
    if (!hash) return hash.error();
    (*user)->password_hash = *std::move(hash);
    if (auto kept = users_.update(records, **user); !kept) return kept.error();
    auto all = sessions_of(caller.tenant, caller.user_id);
    if (!all) return all.error();
    std::vector<RecordWrite> writes;
    for (const auto& one : *all) {
      if (one.id != caller.session_id) writes.push_back({std::string(kKind), one.id, std::nullopt, std::nullopt});
    }
    return writes.empty() ? Result<void>() : records.write(std::move(writes));
  }

  Result<SessionGrant> admit(const std::shared_ptr<Tenant>& tenant, const User& user, const std::string& how, const std::string& remote_address) override {
    return open_session({tenant, user}, how, remote_address);
  }

  Result<void> confirm(const Caller& caller, const Secret& password, const std::string& code, const std::string& remote_address) override {
    if (caller.is_token) return no_person();
    const SignIn who{caller.tenant ? caller.tenant->facts().slug : "", caller.username, remote_address};
    if (auto may = may_try(who); !may) return may;
    Records& records = records_of(caller.tenant);
    auto user = users_.by_id(records, caller.user_id);
    if (!user) return user.error();
    if (!*user) return wrong_token();
    auto factors = factors_of(records, caller.user_id);
    if (!factors) return factors.error();
    const bool by_code = factors->codes || factors->passkeys;
    Result<bool> right = false;
    if (by_code) {
      right = SecondFactor(records, caller.user_id).verify(code, clock_.now());
    } else if (!(*user)->password_hash.empty()) {
      right = verify((*user)->password_hash, password, true);
    } else if (caller.tenant) {
      right = directory_password({caller.tenant, **user}, password);
    }
    if (!right) return right.error();
    if (*right) return confirmed(caller, who);
    return refuse(who, {ErrorCode::denied, factors->codes     ? "the code is wrong"
                                           : factors->passkeys ? "show it with your passkey, or with a recovery code"
                                                               : "the password is wrong; who signs in elsewhere signs in anew for this"});
  }

  Result<std::vector<Session>> sessions_of(const std::shared_ptr<Tenant>& tenant, const std::string& user) override {
    std::vector<Session> out;
    for (std::string after;;) {
      auto listed = records_of(tenant).list(kKind, after, 1000);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        json::error_code bad;
        const auto value = json::parse(record.json, bad);
        if (bad || !value.is_object()) continue;
        const auto& object = value.get_object();
        if (text(object, "user") != user || !text(object, "session").empty()) continue;  // Of API tokens there is another list.
        const auto until = parse_rfc3339(text(object, "expires_at"));
        if (until && clock_.now() >= *until) continue;
        out.push_back({record.id, text(object, "how"), text(object, "remote_address"), parse_rfc3339(text(object, "created_at")).value_or(Time{}), until});
      }
      if (listed->size() < 1000) return out;
      after = listed->back().id;
    }
  }

  Result<void> end_session(const std::shared_ptr<Tenant>& tenant, const std::string& user, const std::string& id) override {
    auto all = sessions_of(tenant, user);
    if (!all) return all.error();
    if (std::none_of(all->begin(), all->end(), [&](const Session& one) { return one.id == id; })) return Error{ErrorCode::not_found, "you have no such session"};
    return records_of(tenant).remove(std::string(kKind), id);
  }

  Result<void> end_all(const std::shared_ptr<Tenant>& tenant, const std::string& user) override {
    auto all = sessions_of(tenant, user);
    if (!all) return all.error();
    std::vector<RecordWrite> writes;
    for (const auto& one : *all) writes.push_back({std::string(kKind), one.id, std::nullopt, std::nullopt});
    return records_of(tenant).write(std::move(writes));
  }

  Records& records_of(const std::shared_ptr<Tenant>& tenant) override { return tenant ? tenant->store().records() : system_; }

  Result<Caller> authenticate(const Secret& token) override { return caller_of(token, false); }

  Result<Caller> authenticate_program(const std::string& name, const Secret& app_password) override {
    const auto slash = name.find('/');
    if (slash == std::string::npos || name.size() > 300 || app_password.reveal().size() > 100) return wrong_token();
    std::string plain;  // As people copy it.
    for (const char c : app_password.reveal()) {
      if (c != ' ' && c != '-') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    auto caller = caller_of(Secret(name.substr(0, slash) + "." + std::string(kAppMark) + plain), true);
    if (caller && folded(caller->username) != folded(name.substr(slash + 1))) return wrong_token();
    return caller;
  }

  Result<void> end(const Caller& caller) override { return records_of(caller.tenant).remove(std::string(kKind), caller.session_id); }

  Result<MadeToken> create_token(const Caller& caller, ApiToken::Kind kind, std::string name, std::vector<std::string> scopes, std::optional<Time> expires_at) override {
    const bool app = kind == ApiToken::Kind::app_password;
    auto present = tokens(caller, kind);
    if (!present) return present.error();
    if (present->size() >= kTokensMax) return Error{ErrorCode::conflict, "a user has at most 100 of them; remove one that is not used"};
    if (app && (!caller.tenant || !caller.has(Role::user))) return Error{ErrorCode::denied, "an app password reads one's own archive, which needs the role user; for other work make an API token"};
    if (app) scopes = {std::string(to_string(Role::user)), std::string(kReadOnly)};
    for (const auto& scope : scopes) {
      const auto role = role_called(scope);
      if (scope != kReadOnly && (!role || !caller.has(*role))) return Error{ErrorCode::invalid, "the scope '" + scope.substr(0, 50) + "' is neither one of your roles nor read_only"};
    }
    if (expires_at && *expires_at <= clock_.now()) return Error{ErrorCode::invalid, "expires_at lies in the past"};
    const ApiToken token{random_token(), std::move(name), caller.user_id, std::move(scopes), expires_at, clock_.now(), kind};
    Secret shown = make_secret(caller.tenant), sent = shown;
    if (app) {
      const auto plain = hex_encode(random_bytes(13)).substr(0, 25);  // 100 bits: a fast hash is enough.
      std::string grouped;
      for (std::size_t at = 0; at < plain.size(); at += 5) grouped += (at == 0 ? "" : "-") + plain.substr(at, 5);
      shown = Secret(grouped);
      sent = Secret(caller.tenant->facts().slug + "." + std::string(kAppMark) + plain);
    }
    const auto session = sha256(sent.reveal()).hex();
    auto written = records_of(caller.tenant).write({{std::string(kKind), session, encode(token, session), 0}, {record_kind(kind), token.id, encode(token, session), 0}});
    if (!written) return written.error();
    return MadeToken{token, shown};
  }

  Result<std::vector<ApiToken>> tokens(const Caller& caller, ApiToken::Kind kind) override {
    std::vector<ApiToken> out;
    std::string after;
    while (true) {
      auto listed = records_of(caller.tenant).list(record_kind(kind), after, 1000);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        json::error_code bad;
        const auto value = json::parse(record.json, bad);
        if (bad || !value.is_object() || text(value.get_object(), "user") != caller.user_id) continue;
        const auto& object = value.get_object();
        out.push_back({record.id, text(object, "name"), caller.user_id, scopes_of(object), parse_rfc3339(text(object, "expires_at")),
                       parse_rfc3339(text(object, "created_at")).value_or(Time{}), kind});
      }
      if (listed->size() < 1000) return out;
      after = listed->back().id;
    }
  }

  Result<void> remove_token(const Caller& caller, ApiToken::Kind kind, const std::string& id) override {
    Records& records = records_of(caller.tenant);
    auto record = records.get(record_kind(kind), id);
    if (!record) return record.error();
    json::error_code bad;
    const auto value = *record ? json::parse((*record)->json, bad) : json::value();
    if (bad || !value.is_object() || text(value.get_object(), "user") != caller.user_id) return Error{ErrorCode::not_found, "you have none such"};
    return records.write({{std::string(kKind), text(value.get_object(), "session"), std::nullopt, std::nullopt}, {record_kind(kind), id, std::nullopt, std::nullopt}});
  }

  void sweep(Records& records) override {
    std::string after;
    std::vector<RecordWrite> writes;
    for (int pages = 0; pages < 100; ++pages) {
      auto listed = records.list(kKind, after, 1000);
      if (!listed) return;
      for (const auto& record : *listed) {
        json::error_code bad;
        const auto value = json::parse(record.json, bad);
        const auto until = !bad && value.is_object() ? parse_rfc3339(text(value.get_object(), "expires_at")) : std::nullopt;
        if (until && clock_.now() >= *until) writes.push_back({std::string(kKind), record.id, std::nullopt, std::nullopt});
      }
      if (listed->size() < 1000) break;
      after = listed->back().id;
    }
    if (writes.empty()) return;
    if (auto done = records.write(std::move(writes)); !done) spdlog::warn("ended sessions could not be removed: {}", done.error().message);
  }

 private:
  struct Found {
    std::shared_ptr<Tenant> tenant;
    User user;
    Records& records(Records& system) const { return tenant ? tenant->store().records() : system; }
  };

  Result<std::optional<Found>> find(const SignIn& who) {
    Found found;
    if (!who.tenant.empty()) {
      auto tenant = tenants_.open(who.tenant);
      if (!tenant && (tenant.error().code == ErrorCode::not_found || tenant.error().code == ErrorCode::invalid)) return std::optional<Found>();
      if (!tenant) return tenant.error();
      found.tenant = *std::move(tenant);
    }
    auto user = users_.by_name(records_of(found.tenant), who.username);
    if (!user) return user.error();
    if (!*user) return std::optional<Found>();
    found.user = **std::move(user);
    return std::optional(std::move(found));
  }

  // Whose name and password these are: unauthenticated, in one sentence, when they are nobody's.
  Result<Found> know(const SignIn& who, const Secret& password) {
    if (auto may = may_try(who); !may) return may.error();
    auto found = find(who);
    if (!found) return found.error();
    const auto* user = *found ? &(*found)->user : nullptr;
    const bool usable = user != nullptr && !user->password_hash.empty() && !user->disabled;
    auto matches = verify(usable ? user->password_hash : nobody_.ok() ? *nobody_ : "", password, is_trusted(who));
    if (!matches) return matches.error();
    bool right = *matches && usable;
    if (user != nullptr && user->password_hash.empty() && !user->disabled && (*found)->tenant) {
      auto known = directory_password(**found, password);
      if (!known) return known.error();
      right = *known;
    }
    if (!right) return refuse(who, wrong_sign_in());
    return **std::move(found);
  }

  Result<Caller> caller_of(const Secret& token, bool app_password) {
    const auto dot = token.reveal().find('.');
    if (dot == std::string_view::npos || token.reveal().size() > 200) return wrong_token();
    const std::string slug(token.reveal().substr(0, dot));
    Caller caller;
    if (slug != kSystem) {
      auto tenant = tenants_.open(slug);
      if (!tenant) return tenant.error().code == ErrorCode::not_found ? wrong_token() : tenant.error();
      caller.tenant = *std::move(tenant);
    }
    Records& records = records_of(caller.tenant);
    caller.session_id = sha256(token.reveal()).hex();
    auto record = records.get(kKind, caller.session_id);
    if (!record) return record.error();
    if (!*record) return wrong_token();
    json::error_code bad;
    const auto value = json::parse((*record)->json, bad);
    if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of a session cannot be read"};
    const auto& object = value.get_object();
    const auto* app = object.if_contains("app_password");
    if (app_password != (app != nullptr && app->is_bool() && app->get_bool())) return wrong_token();
    const auto until = text(object, "expires_at");
    if (!until.empty() && clock_.now() >= parse_rfc3339(until).value_or(Time{})) return wrong_token();
    auto user = users_.by_id(records, text(object, "user"));
    if (!user) return user.error();
    if (!*user || (*user)->disabled) return wrong_token();
    caller.user_id = (*user)->id;
    caller.username = (*user)->username;
    caller.display_name = (*user)->display_name;
    const auto scopes = scopes_of(object);
    caller.roles = limited((*user)->roles, scopes);
    caller.read_only = std::find(scopes.begin(), scopes.end(), kReadOnly) != scopes.end();
    caller.groups = (*user)->groups;
    caller.at = clock_.now();
    caller.is_token = !text(object, "session").empty();
    caller.verified_at = parse_rfc3339(text(object, "verified_at")).value_or(Time{});
    for (const auto& one : (*user)->addresses) {
      if (one.valid_at(clock_.now())) caller.addresses.push_back(folded(one.address));
    }
    return caller;
  }

  // He showed that it is he: his session knows when.
  Result<void> confirmed(const Caller& caller, const SignIn& who) {
    Records& records = records_of(caller.tenant);
    auto record = records.get(kKind, caller.session_id);
    if (!record) return record.error();
    json::error_code bad;
    auto value = *record ? json::parse((*record)->json, bad) : json::value();
    if (bad || !value.is_object()) return wrong_token();
    value.get_object()["verified_at"] = format_rfc3339(clock_.now());
    accept(who);
    return records.put(std::string(kKind), caller.session_id, json::serialize(value), (*record)->revision);
  }

  struct Factors {
    bool codes = false, passkeys = false;
  };
  static Result<Factors> factors_of(Records& records, const std::string& user) {
    auto state = SecondFactor(records, user).state();
    if (!state) return state.error();
    auto passkeys = Passkeys::list(records, user);
    if (!passkeys) return passkeys.error();
    return Factors{state->active, !passkeys->empty()};
  }

  Result<bool> directory_password(const Found& found, const Secret& password) {
    auto person = find_person(found.tenant->store().records(), found.user.id);
    if (!person) return person.error();
    if (!*person) return false;
    auto right = directories_.check_password(*found.tenant, **person, password);
    if (!right) return right.error();
    return right->value_or(false);
  }

  // Hashes: what a stranger writes as a name must not decide how much is kept of it.
  static std::string user_key(const SignIn& who) { return sha256("user\n" + who.tenant + "\n" + folded(who.username)).hex(); }
  static std::string address_key(const SignIn& who) { return sha256("address\n" + who.remote_address).hex(); }
  static std::string both_key(const SignIn& who) { return sha256("both\n" + who.tenant + "\n" + folded(who.username) + "\n" + who.remote_address).hex(); }
  bool is_trusted(const SignIn& who) { return back_off_.is_trusted(both_key(who)); }
  // From where somebody signed in before he is not kept out by others who guess at his name from elsewhere; from there, guessing is
  // slowed down by itself. People behind one address share it.
  Result<void> may_try(const SignIn& who) {
    if (auto may = back_off_.check(is_trusted(who) ? both_key(who) : user_key(who)); !may) return may;
    return back_off_.check(address_key(who));
  }
  Error refuse(const SignIn& who, Error error) {
    back_off_.failed(is_trusted(who) ? both_key(who) : user_key(who));
    back_off_.failed(address_key(who));
    spdlog::debug("a sign-in from {} was refused", who.remote_address);
    return error;
  }
  void accept(const SignIn& who) {
    back_off_.succeeded(user_key(who));
    back_off_.succeeded(both_key(who));
    back_off_.succeeded(address_key(who));
    back_off_.trust(both_key(who));
  }

  Result<void> second_factor(const SignIn& who, const Found& found, const std::string& code) {
    Records& records = found.records(system_);
    auto factors = factors_of(records, found.user.id);
    if (!factors) return factors.error();
    if (!factors->codes && !factors->passkeys) return {};
    if (code.empty()) {
      return Error{ErrorCode::unauthenticated, factors->passkeys ? "this user also needs a passkey: POST /api/v1/sessions/passkey/start with name and password, or send a code as 'totp'"
                                                                 : "this user also needs a code: send it as 'totp'"};
    }
    auto right = SecondFactor(records, found.user.id).verify(code, clock_.now());
    if (!right) return right.error();
    if (!*right) return refuse(who, {ErrorCode::unauthenticated, "the code is wrong, or was used already"});
    return {};
  }

  // A permit for one Argon2 computation.
  class Turn {
   public:
    explicit Turn(std::counting_semaphore<kHashesAtOnce>& turns, std::chrono::milliseconds wait) : turns_(turns), given_(turns.try_acquire_for(wait)) {}
    ~Turn() {
      if (given_) turns_.release();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    bool given() const { return given_; }

   private:
    std::counting_semaphore<kHashesAtOnce>& turns_;
    const bool given_;
  };
  // Those who signed in from here before have a turn of their own: a flood of strangers does not keep them waiting. Of strangers only
  // a few wait; the others are told to come back, and hold no thread meanwhile.
  Result<bool> verify(const std::string& hash, const Secret& password, bool trusted) {
    const Waiting waiting(trusted ? known_waiting_ : strangers_waiting_);
    if (!trusted && waiting.count() > kStrangersMax) return Error{ErrorCode::unavailable, "too many people sign in at once; try again"};
    const Turn turn(trusted ? trusted_turns_ : turns_, kHashWait);
    if (!turn.given()) return Error{ErrorCode::unavailable, "too many people sign in at once; try again"};
    return verify_password(hash, password);
  }
  class Waiting {
   public:
    explicit Waiting(std::atomic<int>& waiting) : waiting_(waiting), count_(++waiting) {}
    ~Waiting() { --waiting_; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    int count() const { return count_; }

   private:
    std::atomic<int>& waiting_;
    const int count_;
  };
  Result<std::string> hash_password_bounded(const Secret& password) {
    const Turn turn(turns_, kHashWait);
    if (!turn.given()) return Error{ErrorCode::unavailable, "too many people sign in at once; try again"};
    return hash_password(password);
  }

  static Secret make_secret(const std::shared_ptr<Tenant>& tenant) {
    return Secret((tenant ? tenant->facts().slug : std::string(kSystem)) + "." + random_token(32));
  }

  Result<SessionGrant> open_session(const Found& found, const std::string& how, const std::string& remote_address) {
    SessionGrant grant{make_secret(found.tenant), clock_.now() + kSessionLife, found.user};
    const ApiToken session{"", "", found.user.id, {}, grant.expires_at, clock_.now()};
    auto kept = records_of(found.tenant).put(std::string(kKind), sha256(grant.token.reveal()).hex(),
                                              encode(session, "", {how, remote_address, clock_.now()}));
    if (!kept) return kept.error();
    return grant;
  }

  static std::vector<std::string> scopes_of(const json::object& session) {
    std::vector<std::string> out;
    const auto* scopes = session.if_contains("scopes");
    if (scopes == nullptr || !scopes->is_array()) return out;
    for (const auto& scope : scopes->get_array()) {
      if (scope.is_string()) out.emplace_back(scope.get_string());
    }
    return out;
  }

  static std::set<Role> limited(std::set<Role> roles, const std::vector<std::string>& scopes) {
    std::set<Role> out;
    bool any = false;
    for (const auto& scope : scopes) {
      if (scope == kReadOnly) continue;
      any = true;
      const auto role = role_called(scope);
      if (role && roles.contains(*role)) out.insert(*role);
    }
    return any ? out : roles;
  }

  Tenants& tenants_;
  Records& system_;
  Users& users_;
  Directories& directories_;
  Passkeys& passkeys_;
  Clock& clock_;
  BackOff back_off_;
  std::counting_semaphore<kHashesAtOnce> turns_{kHashesAtOnce}, trusted_turns_{1};
  std::atomic<int> strangers_waiting_{0}, known_waiting_{0};
  const Result<std::string> nobody_;
};

}  // namespace

std::unique_ptr<Sessions> Sessions::make(Tenants& tenants, Records& system_records, Users& users, Directories& directories, Passkeys& passkeys, Clock& clock) {
  return std::make_unique<RecordSessions>(tenants, system_records, users, directories, passkeys, clock);
}

}  // namespace kopial
