// Passkeys of users: kept as one record a user, asked for by challenges, good for signing in, as a second factor, and for showing once
// more that it is you. They need no identity provider, so they work while it is down.
//
// A challenge is the SHA-256 of a state that the browser brings back: use, tenant, user and end, under a key of this process. So
// nothing is kept for a sign-in that only begins, and nobody can fill up what is kept; a state that was right is remembered until its end.
#pragma once

#include <boost/json.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "server/people/users.h"
#include "server/people/webauthn.h"

namespace kopial {

struct Passkey {
  std::string id, name;  // id: of the API, not the credential's
  WebAuthnKey key;
  Time created_at;
  std::optional<Time> used_at;
};

// Thread-safe. Everything that needs a name fails with invalid while http.public_url is not set.
class Passkeys {
 public:
  Passkeys(const Settings& settings, Clock& clock);

  enum class Use : std::uint8_t { add = 1, sign_in, second_factor, step_up };
  struct Challenge {
    std::string state;
    boost::json::object options;  // PublicKeyCredentialCreationOptionsJSON or …RequestOptionsJSON, as browsers parse them
  };
  Result<Challenge> start_adding(Records& records, const std::string& tenant, const User& user);
  // Without user: whichever passkey somebody has here; he must be verified by it. With one: those of this user.
  Result<Challenge> start(Use use, Records& records, const std::string& tenant, const std::string& user);

  struct State {
    Use use = Use::add;
    std::string tenant, user;
  };
  // What this process asked, not longer than five minutes ago; nullopt otherwise.
  std::optional<State> opened(const std::string& state);

  // `credential` is RegistrationResponseJSON. conflict when it is known already, or he has too many.
  Result<Passkey> add(Records& records, const std::string& state, const std::string& user, std::string name, const boost::json::object& credential);
  // `credential` is AuthenticationResponseJSON. Whose it is, when it is right; invalid, with what is wrong, else. The state is used up.
  Result<std::string> check(Records& records, const std::string& state, const boost::json::object& credential);

  static Result<std::vector<Passkey>> list(Records& records, const std::string& user);
  static Result<void> remove(Records& records, const std::string& user, const std::string& id);  // not_found
  static Result<void> remove_all(Records& records, const std::string& user);

 private:
  std::string make_state(Use use, const std::string& tenant, const std::string& user) const;
  bool use_up(const std::string& state);

  const Settings& settings_;
  Clock& clock_;
  const Secret key_;
  std::mutex mutex_;
  std::map<std::string, Time> used_;  // by hash of the state: until when
};

}  // namespace kopial
