#include "server/people/users.h"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

#include "storage/base/json_fields.h"
#include "storage/crypto/digest.h"
#include "storage/crypto/password.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "user", kNameKind = "user_name";
constexpr std::pair<Role, std::string_view> kRoles[] = {{Role::system_administrator, "system_administrator"},
                                                        {Role::administrator, "administrator"},
                                                        {Role::compliance_officer, "compliance_officer"},
                                                        {Role::auditor, "auditor"},
                                                        {Role::user, "user"}};

// Names are compared without case; ASCII is enough for names of accounts, and others are compared as they are.
std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::optional<Time> time(const json::object& object, std::string_view name) { return parse_rfc3339(text(object, name)); }
json::value to_json(const std::optional<Time>& at) { return at ? json::value(format_rfc3339(*at)) : json::value(nullptr); }

std::string encode(const User& user) {
  json::array roles, addresses;
  for (const auto role : user.roles) roles.push_back(json::value(to_string(role)));
  for (const auto& one : user.addresses) {
    addresses.push_back({{"address", one.address}, {"valid_from", to_json(one.valid_from)}, {"valid_until", to_json(one.valid_until)}});
  }
  return json::serialize(json::object{{"username", user.username},
                                      {"display_name", user.display_name},
                                      {"roles", std::move(roles)},
                                      {"addresses", std::move(addresses)},
                                      {"disabled", user.disabled},
                                      {"groups", json::array(user.groups.begin(), user.groups.end())},
                                      {"password", user.password_hash},
                                      {"code", user.one_time_hash},
                                      {"code_until", to_json(user.one_time_until)},
                                      {"created_at", format_rfc3339(user.created_at)}});
}

Result<User> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of user " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  User user;
  user.id = record.id;
  user.revision = record.revision;
  user.username = text(object, "username");
  user.display_name = text(object, "display_name");
  user.password_hash = text(object, "password");
  user.one_time_hash = text(object, "code");
  user.one_time_until = time(object, "code_until");
  user.created_at = time(object, "created_at").value_or(Time{});
  if (const auto* disabled = object.if_contains("disabled")) user.disabled = disabled->is_bool() && disabled->get_bool();
  if (const auto* groups = object.if_contains("groups"); groups != nullptr && groups->is_array()) {
    for (const auto& group : groups->get_array()) {
      if (group.is_string()) user.groups.emplace_back(group.get_string());
    }
  }
  if (const auto* roles = object.if_contains("roles"); roles != nullptr && roles->is_array()) {
    for (const auto& role : roles->get_array()) {
      if (const auto known = role.is_string() ? role_called(role.get_string()) : std::nullopt) user.roles.insert(*known);
    }
  }
  if (const auto* addresses = object.if_contains("addresses"); addresses != nullptr && addresses->is_array()) {
    for (const auto& one : addresses->get_array()) {
      if (one.is_object()) user.addresses.push_back({text(one.get_object(), "address"), time(one.get_object(), "valid_from"), time(one.get_object(), "valid_until")});
    }
  }
  return user;
}

Result<void> check(const User& user) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (user.username.empty() || user.username.size() > 200 || std::any_of(user.username.begin(), user.username.end(), control) ||
      user.username.front() == ' ' || user.username.back() == ' ') {
    return Error{ErrorCode::invalid, "a user name has 1 to 200 characters, none of them a control character, and no spaces around it"};
  }
  for (const auto& one : user.addresses) {
    const auto at = one.address.find('@');
    if (at == std::string::npos || at == 0 || at + 1 == one.address.size() || one.address.find_first_of(" <>,;\r\n\t") != std::string::npos) {
      return Error{ErrorCode::invalid, "'" + one.address.substr(0, 200) + "' is not an e-mail address"};
    }
    if (one.valid_from && one.valid_until && *one.valid_from >= *one.valid_until) {
      return Error{ErrorCode::invalid, "the address " + one.address + " ends before it begins"};
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(Role role) {
  for (const auto& [one, name] : kRoles) {
    if (one == role) return name;
  }
  return "user";
}
std::optional<Role> role_called(std::string_view name) {
  for (const auto& [role, known] : kRoles) {
    if (known == name) return role;
  }
  return std::nullopt;
}

Result<void> check_password(const Secret& password, std::string_view username) {
  const auto text = password.reveal();
  // Counted in code points: eight Chinese characters are no twelve.
  const auto length = std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  if (length < 12) return Error{ErrorCode::invalid, "a password needs at least 12 characters"};
  if (text.size() > 1000) return Error{ErrorCode::invalid, "a password has at most 1000 bytes"};
  const Error guessed{ErrorCode::invalid, "this password is among the first that are guessed; a sentence of your own is better"};
  auto plain = folded(text);
  // What is left without the words that everybody would try: it must be a password by itself, if a short one.
  for (const auto& word : {folded(username), folded(username.substr(0, username.find('@'))), std::string("kopial"), std::string("password"), std::string("passwort"), std::string("welcome"),
                           std::string("willkommen"), std::string("qwertyuiop"), std::string("qwertzuiop"), std::string("asdfghjkl"), std::string("letmein"), std::string("iloveyou"),
                           std::string("administrator"), std::string("admin"), std::string("changeme"), std::string("secret"), std::string("geheim"), std::string("summer"), std::string("sommer")}) {
    if (word.size() < 4) continue;
    for (auto at = plain.find(word); at != std::string::npos; at = plain.find(word)) plain.erase(at, word.size());
  }
  // Repetitions and runs ("aaaa", "1234", "dcba") count as one character.
  std::size_t worth = 0;
  std::set<char> distinct;
  for (std::size_t at = 0; at < plain.size(); ++at) {
    distinct.insert(plain[at]);
    const int step = at == 0 ? 100 : plain[at] - plain[at - 1];
    worth += step < -1 || step > 1;
  }
  if (worth < 6 || distinct.size() < 5) return guessed;
  return {};
}

Result<User> Users::keep_new(Records& records, User user) {
  if (auto fine = check(user); !fine) return fine.error();
  user.id = random_token();
  user.created_at = clock_.now();
  if (user.display_name.empty()) user.display_name = user.username;
  auto written = records.write({{std::string(kNameKind), folded(user.username), json::serialize(json::value(user.id)), 0},
                                {std::string(kKind), user.id, encode(user), 0}});
  if (!written && written.error().code == ErrorCode::conflict) {
    return Error{ErrorCode::conflict, "there is a user called '" + user.username + "' already"};
  }
  if (!written) return written.error();
  user.revision = 1;
  return user;
}

Result<Users::Made> Users::create(Records& records, User user) {
  const Secret code(random_token(18));
  user.one_time_hash = sha256(code.reveal()).hex();
  user.one_time_until = clock_.now() + kOneTimeCodeLife;
  auto kept = keep_new(records, std::move(user));
  if (!kept) return kept.error();
  return Made{*std::move(kept), code};
}

Result<User> Users::create_with_password(Records& records, User user, const Secret& password) {
  if (auto fine = check_password(password, user.username); !fine) return fine.error();
  auto hash = hash_password(password);
  if (!hash) return hash.error();
  user.password_hash = *std::move(hash);
  return keep_new(records, std::move(user));
}

Result<User> Users::update(Records& records, User user) {
  if (auto fine = check(user); !fine) return fine.error();
  auto written = records.put(std::string(kKind), user.id, encode(user), user.revision);
  if (!written && written.error().code == ErrorCode::conflict) return Error{ErrorCode::conflict, "the user was changed meanwhile; read it again"};
  if (!written) return written.error();
  ++user.revision;
  return user;
}

Result<Users::Made> Users::renew_code(Records& records, User user) {
  const Secret code(random_token(18));
  user.one_time_hash = sha256(code.reveal()).hex();
  user.one_time_until = clock_.now() + kOneTimeCodeLife;
  auto kept = update(records, std::move(user));
  if (!kept) return kept.error();
  return Made{*std::move(kept), code};
}

Result<Users::Writes> Users::writes_for(Records& records, User user, const std::string& former_username) {
  if (auto fine = check(user); !fine) return fine.error();
  Writes writes;
  if (!former_username.empty() && folded(former_username) != folded(user.username)) {
    // Somebody else may have the former name by now.
    auto holder = by_name(records, former_username);
    if (!holder) return holder.error();
    if (*holder && (*holder)->id == user.id) writes.releases.push_back({std::string(kNameKind), folded(former_username), std::nullopt, std::nullopt});
  }
  if (former_username.empty() || folded(former_username) != folded(user.username)) {
    writes.keeps.push_back({std::string(kNameKind), folded(user.username), json::serialize(json::value(user.id)), std::nullopt});
  }
  writes.keeps.push_back({std::string(kKind), user.id, encode(user), std::nullopt});
  return writes;
}

Result<std::optional<User>> Users::by_id(Records& records, const std::string& id) {
  auto record = records.get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<User>();
  auto user = decode(**record);
  if (!user) return user.error();
  return std::optional(*std::move(user));
}

Result<std::optional<User>> Users::by_name(Records& records, const std::string& username) {
  if (username.empty() || username.size() > 200) return std::optional<User>();
  auto record = records.get(kNameKind, folded(username));
  if (!record) return record.error();
  if (!*record) return std::optional<User>();
  json::error_code bad;
  const auto id = json::parse((*record)->json, bad);
  if (bad || !id.is_string()) return Error{ErrorCode::corrupt, "the record of a user's name cannot be read"};
  return by_id(records, std::string(id.get_string()));
}

Result<std::vector<User>> Users::list(Records& records, const std::string& after, std::size_t limit) {
  auto listed = records.list(kKind, after, limit);
  if (!listed) return listed.error();
  std::vector<User> users;
  for (const auto& record : *listed) {
    auto user = decode(record);
    if (!user) return user.error();
    users.push_back(*std::move(user));
  }
  return users;
}

}  // namespace kopial
