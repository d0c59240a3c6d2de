// The set-up assistant for an application in Entra ID: what it may do, found out by trying, and what to mend.
//
// Nothing is read out of the token: an application that is limited by RBAC for Applications has no roles in its token and still may
// read mailboxes. Nothing is changed at the source: that writing is allowed is asked with an item that cannot exist.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/graph/connector.h"

namespace kopial {

struct CheckStep {
  enum class State : std::uint8_t {
    good,
    failed,   // archiving cannot work so
    limited,  // it works, and something is missing that a profile may want
    unknown,  // it could not be found out
  };
  std::string name;    // "sign_in", "directory", "mailboxes", "message", "mailbox_settings", "write", "in_place_archive", "expiry"
  State state = State::unknown;
  std::string detail;  // what was found, a sentence
  std::string mend;    // the one thing to do; "" when there is nothing
};

struct ApplicationCheck {
  std::vector<CheckStep> steps;
  std::string organisation;                    // its name, where that may be read
  std::optional<Time> secret_expires_at;       // as the directory says; nullopt: it may not be read
  std::optional<Time> certificate_expires_at;  // of the certificate itself
  bool works() const;                          // no step has failed
};

// `mailbox` is tried when it is given ("" = a few of the directory's). Fails with cancelled only: everything else is a step.
Result<ApplicationCheck> check_application(const EntraApp& app, const std::string& mailbox, HttpClient& http, Clock& clock, std::stop_token stop);

}  // namespace kopial
