// Sign-in, and the opaque tokens it gives out. A token is kept as its SHA-256 only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/people/caller.h"
#include "server/people/passkeys.h"
#include "server/people/users.h"
#include "storage/base/secret.h"

namespace kopial {

class Directories;  // server/people/directories.h

struct SessionGrant {
  Secret token;
  Time expires_at;
  User user;
};

struct SignIn {
  std::string tenant;  // "" = a system administrator
  std::string username;
  std::string remote_address;
};

// For programs. A token is sent as a bearer's and limited to some of its user's roles; an app password is for programs that know
// nothing but a name and a password (HTTP Basic, the name as organisation/user name): it reads only, and with the role user alone.
struct ApiToken {
  enum class Kind : std::uint8_t { token, app_password };
  std::string id, name, user_id;
  std::vector<std::string> scopes;  // roles it is limited to, and read_only; no role: all of its user
  std::optional<Time> expires_at;
  Time created_at;
  Kind kind = Kind::token;
};

// Thread-safe. A user that is disabled, or a token that is removed, is refused from the next request on.
class Sessions {
 public:
  // Users without a password of their own sign in with that of their directory.
  static std::unique_ptr<Sessions> make(Tenants& tenants, Records& system_records, Users& users, Directories& directories, Passkeys& passkeys, Clock& clock);
  virtual ~Sessions() = default;

  // Fails with unauthenticated (one sentence, whichever part is wrong), rate_limited (too many guesses), unavailable (too many at once).
  // `code` is of the second factor: needed when the user has one, ignored when he has none.
  virtual Result<SessionGrant> sign_in(const SignIn& who, const Secret& password, const std::string& code) = 0;
  // A session for somebody whom an identity provider vouches for.
  virtual Result<SessionGrant> admit(const std::shared_ptr<Tenant>& tenant, const User& user, const std::string& how, const std::string& remote_address) = 0;
  // Password, or code, once more: dangerous acts ask for it a quarter of an hour after signing in.
  virtual Result<void> confirm(const Caller& caller, const Secret& password, const std::string& code, const std::string& remote_address) = 0;
  // With a passkey alone (no user name), or as the second factor beside a password: then the password is judged here, as in sign_in.
  virtual Result<Passkeys::Challenge> start_passkey(const SignIn& who, const Secret& password) = 0;
  struct Admitted {
    std::string tenant;
    SessionGrant grant;
  };
  virtual Result<Admitted> sign_in_with_passkey(const std::string& state, const boost::json::object& credential, const std::string& remote_address) = 0;
  virtual Result<Passkeys::Challenge> start_confirming(const Caller& caller) = 0;
  virtual Result<void> confirm_with_passkey(const Caller& caller, const std::string& state, const boost::json::object& credential, const std::string& remote_address) = 0;
  // Turns a one-time code into a password and a session, once. Whoever has a second factor shows it here, too.
  virtual Result<SessionGrant> redeem(const SignIn& who, const Secret& code, const Secret& password, const std::string& second) = 0;
  // A new password of one's own; all other sessions end. conflict for users whose password is a directory's.
  virtual Result<void> change_password(const Caller& caller, const Secret& password) = 0;
  virtual Result<Caller> authenticate(const Secret& token) = 0;
  // `name` is organisation/user name. A wrong password costs one look; there are 100 bits to guess.
  virtual Result<Caller> authenticate_program(const std::string& name, const Secret& app_password) = 0;
  virtual Result<void> end(const Caller& caller) = 0;

  struct Session {
    std::string id, how, remote_address;
    Time created_at;
    std::optional<Time> expires_at;
  };
  virtual Result<std::vector<Session>> sessions_of(const std::shared_ptr<Tenant>& tenant, const std::string& user) = 0;
  // not_found when it is not his.
  virtual Result<void> end_session(const std::shared_ptr<Tenant>& tenant, const std::string& user, const std::string& id) = 0;
  virtual Result<void> end_all(const std::shared_ptr<Tenant>& tenant, const std::string& user) = 0;  // API tokens stay
  virtual Records& records_of(const std::shared_ptr<Tenant>& tenant) = 0;  // null: the system's

  struct MadeToken {
    ApiToken token;
    Secret secret;
  };
  virtual Result<MadeToken> create_token(const Caller& caller, ApiToken::Kind kind, std::string name, std::vector<std::string> scopes, std::optional<Time> expires_at) = 0;
  virtual Result<std::vector<ApiToken>> tokens(const Caller& caller, ApiToken::Kind kind) = 0;  // of this user
  virtual Result<void> remove_token(const Caller& caller, ApiToken::Kind kind, const std::string& id) = 0;
  // Removes ended sessions of these records, a bounded number at a time.
  virtual void sweep(Records& records) = 0;
};

}  // namespace kopial
