// The audit log: who did what to which mail, written before the answer leaves. Durable; only ever appended to.
#pragma once

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
};

// Durable when it returns. When it fails the act must not go ahead.
Result<void> append_audit(Tenant& tenant, const AuditEvent& event);
Result<std::vector<AuditEvent>> read_audit(Tenant& tenant, std::string& after, std::size_t limit);

}  // namespace kopial
