// The one place for access decisions.
//
// Roles are separate: administrators run the archive and do not read other people's mail; system administrators manage tenants and
// never read mail, unless the tenant grants it for a time. A user reads the archives he owns and those he, or a group of his, was
// granted; a compliance officer reads every archive of his tenant, under the tenant's access policy. Every look at somebody else's mail
// is an audit event, with the reason it was allowed for, before the answer leaves.
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
  officer,               // compliance officer
  overseer,              // auditor or compliance officer: those who watch, not those who run
  eraser,                // administrator or compliance officer: one asks, another one confirms
};

// denied with a sentence, or nothing.
Result<void> check_need(const Caller& caller, Need need);

// What may look only may not change anything.
Result<void> check_method(const Caller& caller, const std::string& method);

// Nobody confirms what he asked for himself.
Result<void> check_four_eyes(const Caller& caller, const std::string& asked_by);

// Dangerous acts need somebody who showed within a quarter of an hour that it is he; API tokens cannot.
Result<void> check_step_up(const Caller& caller);

// Who gives a role shows that it is he: a token that leaks must not make its holder an officer.
Result<void> check_giving_roles(const Caller& caller, const std::set<Role>& before, const std::set<Role>& after);

struct Readable {
  std::vector<ArchiveId> archives;   // what the caller may read all of, sorted
  std::vector<ArchiveId> own;        // those among them that are his own, sorted
  std::vector<std::pair<ArchiveId, std::string>> folders;  // folders, with all below them, of other archives
  std::string reason;                // why he may: for the audit log
  bool contains(ArchiveId id) const;
  bool is_own(ArchiveId id) const;
  bool sees(ArchiveId id, const std::string& folder) const;
};
// `looks` is false for lists of archives, which show no mail and need no purpose. Fails with denied when an officer must state a
// purpose and does not.
Result<Readable> readable_archives(const Caller& caller, bool looks = true, const std::string& right = "read");

// Whether the caller may read the message: it is placed in a readable archive. not_found otherwise, so that nothing is revealed.
// `in_own` tells whether it lies in an archive of his own (no audit event is needed then).
struct MessageAccess {
  std::vector<Placement> placements;  // only those the caller may see
  bool in_own = false;
  std::string reason;
};
Result<MessageAccess> check_message(const Caller& caller, Serial serial);

// A system administrator at a route where mail is read: he becomes a caller of the tenant while a grant of the tenant to him holds.
// Otherwise nothing changes, and check_need denies. True when he was let in; that is then noted in the tenant's audit log.
Result<bool> admit_by_grant(Caller& caller, Need need, Tenants& tenants, const std::string& slug);

// Whether the caller may put mail of `from` back into the source's mailbox `mailbox_id`. Into the mailbox that the archive was made from:
// administrators (who do not get to read it by that), and whoever may read all of the archive. Into another one: compliance officers who
// may read it.
Result<void> check_restore(const Caller& caller, const Archive& from, const std::string& mailbox_id);

}  // namespace kopial
