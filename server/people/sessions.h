// Sign-in, and the opaque tokens it gives out. A token is kept as its SHA-256 only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/people/caller.h"
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

struct ApiToken {
  std::string id, name, user_id;
  std::vector<std::string> scopes;  // roles it is limited to; empty: all of its user
  std::optional<Time> expires_at;
  Time created_at;
};

// Thread-safe. A user that is disabled, or a token that is removed, is refused from the next request on.
class Sessions {
 public:
  // Users without a password of their own sign in with that of their directory.
  static std::unique_ptr<Sessions> make(Tenants& tenants, Records& system_records, Users& users, Directories& directories, Clock& clock);
  virtual ~Sessions() = default;

  // Fails with unauthenticated (one sentence, whichever part is wrong), rate_limited (too many guesses), unavailable (too many at once).
  // `code` is of the second factor: needed when the user has one, ignored when he has none.
  virtual Result<SessionGrant> sign_in(const SignIn& who, const Secret& password, const std::string& code) = 0;
  // A session for somebody whom an identity provider vouches for.
  virtual Result<SessionGrant> admit(const std::shared_ptr<Tenant>& tenant, const User& user, const std::string& how, const std::string& remote_address) = 0;
  // Password, or code, once more: dangerous acts ask for it a quarter of an hour after signing in.
  virtual Result<void> confirm(const Caller& caller, const Secret& password, const std::string& code, const std::string& remote_address) = 0;
  // Turns a one-time code into a password and a session, once.
  virtual Result<SessionGrant> redeem(const SignIn& who, const Secret& code, const Secret& password) = 0;
  virtual Result<Caller> authenticate(const Secret& token) = 0;
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
  virtual Result<MadeToken> create_token(const Caller& caller, std::string name, std::vector<std::string> scopes, std::optional<Time> expires_at) = 0;
  virtual Result<std::vector<ApiToken>> tokens(const Caller& caller) = 0;  // of this user
  virtual Result<void> remove_token(const Caller& caller, const std::string& id) = 0;
  // Removes ended sessions of these records, a bounded number at a time.
  virtual void sweep(Records& records) = 0;
};

}  // namespace kopial
