// The second factor: time-based codes (RFC 6238, by liboath) and recovery codes. A record of its own beside the user's.
//
// A code is good once: the step of the last one is kept, and an earlier or equal one is wrong. Recovery codes are kept as hashes; they
// stand in for passkeys, too (passkeys.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/secret.h"
#include "storage/records.h"

namespace kopial {

struct TotpStart {
  Secret secret;    // base32, for people who type
  std::string uri;  // otpauth://totp/…
};

// For one user's records at a time; keeps nothing.
class SecondFactor {
 public:
  SecondFactor(Records& records, std::string user_id) : records_(records), user_(std::move(user_id)) {}

  struct State {
    bool active = false;
    std::size_t recovery_codes = 0;  // that are left
  };
  Result<State> state();
  // A new secret, without effect until `confirm`. conflict when one is active.
  Result<TotpStart> start(const std::string& account);
  // The first code: from now on one is needed. Gives ten recovery codes, shown once.
  Result<std::vector<Secret>> confirm(const std::string& code, Time now);
  // Ten new ones; the former ones are good no more.
  Result<std::vector<Secret>> new_recovery_codes();
  // Whether `code` is the present one, or a recovery code; it is used up.
  Result<bool> verify(const std::string& code, Time now);
  Result<void> remove(bool recovery_codes_too);

 private:
  Records& records_;
  const std::string user_;
};

}  // namespace kopial
