// Who is asking, after sign-in. Decisions about what a caller may do are made in access.h and nowhere else.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/tenants.h"

namespace kopial {

enum class Role : std::uint8_t { system_administrator, administrator, compliance_officer, auditor, user };

struct Caller {
  std::shared_ptr<Tenant> tenant;  // null for a system administrator
  std::string user_id, username, display_name;
  std::set<Role> roles;
  std::vector<std::string> addresses;  // that are his at this moment, in lower case
  std::vector<std::string> groups;     // of directories, nested ones included; sorted
  std::string session_id;  // of the session or token used
  bool is_token = false;   // an API token or app password: nobody is there to be asked anything
  bool read_only = false;  // it may look, and change nothing
  Time verified_at;        // when he last showed that it is he
  std::string purpose;     // as stated with this request
  Time at;                 // of this request: grants hold or do not hold then
  bool has(Role role) const { return roles.contains(role); }
};

}  // namespace kopial
