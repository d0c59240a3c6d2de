// Grants: a user, a group or a system administrator may see an archive, or a folder of it, from .. until, and why.
//
// A compliance officer needs none, unless the tenant's access policy asks for an approved request: then he asks, another one approves,
// and the request is a grant of its own kind that ends by itself.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/people/caller.h"

namespace kopial {

struct Grant {
  std::string id;
  std::string user, group;           // one of them, or
  std::string system_administrator;  // the name of an account of the system: always with an end
  ArchiveId archive{};               // 0: every archive (requests of officers and grants to the system only)
  std::string folder;                // "" = all of it; folders below it are included
  std::set<std::string> rights;      // read, export
  std::optional<Time> from, until;
  std::string reason;
  std::string made_by, approved_by;  // user ids
  bool is_request = false;           // by an officer; without effect until it is approved
  Time created_at;

  bool holds_at(Time now) const { return (!from || now >= *from) && (!until || now < *until) && (!is_request || !approved_by.empty()); }
  bool gives(const std::string& right) const { return rights.contains(right); }
};

struct AccessPolicy {
  bool purpose_needed = false;  // officers state a purpose with every look at mail
  bool four_eyes = false;       // officers see an archive only while a request for it, approved by somebody else, holds
  std::uint64_t revision = 0;
};

inline constexpr std::chrono::hours kSystemAccessMax{72};
inline constexpr std::chrono::hours kRequestMax{24 * 31};

// All grants of a tenant, read once and kept: every search asks. Thread-safe.
class GrantBook {
 public:
  explicit GrantBook(Records& records) : records_(records) {}
  Result<std::shared_ptr<const std::vector<Grant>>> all();
  Result<void> write(const std::string& id, std::optional<std::string> json, std::optional<std::uint64_t> if_revision);
  Records& records() { return records_; }

 private:
  Records& records_;
  std::mutex mutex_;
  std::shared_ptr<const std::vector<Grant>> kept_;
};

Result<std::shared_ptr<const std::vector<Grant>>> list_grants(Tenant& tenant);  // ended ones too
Result<std::optional<Grant>> find_grant(Tenant& tenant, const std::string& id);
Result<Grant> create_grant(Tenant& tenant, Grant grant);  // id is chosen
// Fails with conflict when somebody decided meanwhile, or approves his own.
Result<Grant> approve_request(Tenant& tenant, const std::string& id, const std::string& approver, Time now);
Result<void> remove_grant(Tenant& tenant, const std::string& id);

// Those that hold now for this user, through himself or his groups; for a system administrator those to him.
Result<std::vector<Grant>> grants_of(Tenant& tenant, const Caller& caller, Time now);

Result<AccessPolicy> access_policy(Tenant& tenant);
Result<AccessPolicy> set_access_policy(Tenant& tenant, AccessPolicy policy);

// "Inbox/Projects" lies in "Inbox", "Inbox2" does not.
bool lies_in(const std::string& folder, const std::string& above);

}  // namespace kopial
