// The one place for access decisions.
//
// Roles are separate: administrators run the archive and do not read other people's mail; system administrators manage tenants and
// never read mail. A user reads the archives he owns; a compliance officer reads every archive of his tenant. Every look at
// somebody else's mail is an audit event before the answer leaves.
#pragma once

#include <vector>

#include "server/people/caller.h"

namespace kopial {

// What a route needs. `tenant` routes exist only for callers of that tenant: others get not_found.
enum class Need : std::uint8_t {
  nobody,                // no sign-in
  anyone,                // signed in, of a tenant or of the system
  system,                // system administrators
  system_or_tenant_admin,  // /tenants/{t} itself
  member,                // anyone of the tenant
  administrator,         // of the tenant
  reader,                // anyone of the tenant; which mail is decided by readable_archives
  auditor,               // auditor, administrator or compliance officer
};

// denied with a sentence, or nothing.
Result<void> check_need(const Caller& caller, Need need);

struct Readable {
  std::vector<ArchiveId> archives;   // what the caller may read
  std::vector<ArchiveId> own;        // those among them that are his own
  bool contains(ArchiveId id) const;
};
Result<Readable> readable_archives(const Caller& caller);

// Whether the caller may read the message: it is placed in a readable archive. not_found otherwise, so that nothing is revealed.
// `in_own` tells whether it lies in an archive of his own (no audit event is needed then).
struct MessageAccess {
  std::vector<Placement> placements;  // only those the caller may see
  bool in_own = false;
};
Result<MessageAccess> check_message(const Caller& caller, Serial serial);

}  // namespace kopial
