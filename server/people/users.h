// Users: who may sign in, kept as records of their tenant (system administrators: of the system).
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/people/caller.h"
#include "storage/base/secret.h"
#include "storage/records.h"

namespace kopial {

struct UserAddress {
  std::string address;
  std::optional<Time> valid_from, valid_until;
  bool valid_at(Time time) const { return (!valid_from || time >= *valid_from) && (!valid_until || time < *valid_until); }
};

struct User {
  std::string id, username, display_name;
  std::set<Role> roles;
  std::vector<UserAddress> addresses;
  bool disabled = false;
  std::vector<std::string> groups;  // of directories, nested ones included; written by synchronisations only
  std::string password_hash;       // "" until the one-time code was redeemed
  std::string one_time_hash;       // hex SHA-256 of the code; "" when it was used
  std::optional<Time> one_time_until;
  Time created_at;
  std::uint64_t revision = 0;
};

std::string_view to_string(Role role);
std::optional<Role> role_called(std::string_view name);

// Thread-safe: it keeps nothing but references. `records` decides whose users are meant.
class Users {
 public:
  explicit Users(Clock& clock) : clock_(clock) {}

  struct Made {
    User user;
    Secret one_time_code;
  };
  // Fails with conflict when the name is taken (names differ by more than case), invalid for a name or address that cannot be.
  Result<Made> create(Records& records, User user);
  // With a password at once: for the first system administrator, who has no one to hand him a code.
  Result<User> create_with_password(Records& records, User user, const Secret& password);
  // Everything but username and id; conflict when user.revision is not the present one.
  Result<User> update(Records& records, User user);
  // A new one-time code; the password stays until it is redeemed.
  Result<Made> renew_code(Records& records, User user);

  // The writes that keep a user whom a directory describes, new or known: for one batch with the rest of what is known of him.
  // Names must be free, or become free in the same batch: `releases` come first.
  struct Writes {
    std::vector<RecordWrite> releases, keeps;
  };
  Result<Writes> writes_for(Records& records, User user, const std::string& former_username);

  Result<std::optional<User>> by_id(Records& records, const std::string& id);
  Result<std::optional<User>> by_name(Records& records, const std::string& username);
  Result<std::vector<User>> list(Records& records, const std::string& after, std::size_t limit);

 private:
  Result<User> keep_new(Records& records, User user);
  Clock& clock_;
};

// NIST SP 800-63B and OWASP ASVS: length counts and composition does not; what everybody guesses first is refused, and so is what
// is mostly the user's own name or the product's. The message says what is wrong.
Result<void> check_password(const Secret& password, std::string_view username);
inline constexpr std::chrono::hours kOneTimeCodeLife{72};

}  // namespace kopial
