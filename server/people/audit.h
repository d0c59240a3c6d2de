// The audit log: who did what to which mail, written before the answer leaves. Durable; only ever appended to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/people/caller.h"

namespace kopial {

struct AuditEvent {
  Time at;
  std::string user_id, username;
  std::string action;   // "search", "message.view", "message.raw", "profile.run", "user.create" …
  std::string object;   // message id, query, profile id …
  std::string purpose;  // as the caller stated it
  std::string remote_address, request_id;
  std::string reason;   // why it was allowed, or denied
  std::uint64_t leaf = 0;  // its place in the evidence log; set when read
};

// Durable when it returns. When it fails the act must not go ahead.
Result<void> append_audit(Tenant& tenant, const AuditEvent& event);

// Empty fields want everything.
struct AuditFilter {
  std::optional<Time> since, until;  // [since, until)
  std::string user;                  // id or name
  std::string action;                // "message.view", or with a dot at the end all of a kind: "message."
  std::string object;                // that its object contains
  bool wants(const AuditEvent& event) const;
};
// Oldest first. `after` is the `next` of the page before, and becomes the next one; "" at the end. A page may be short, or empty,
// and not be the last: so much is looked at and no more.
Result<std::vector<AuditEvent>> read_audit(Tenant& tenant, const AuditFilter& filter, std::string& after, std::size_t limit);

}  // namespace kopial
