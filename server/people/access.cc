#include "server/people/access.h"

#include <algorithm>

namespace kopial {
namespace {

Error not_allowed(std::string_view who) { return {ErrorCode::denied, "only " + std::string(who) + " may do this"}; }

std::string folded(std::string_view address) {
  std::string out(address);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

Result<void> check_need(const Caller& caller, Need need) {
  if (need == Need::nobody || need == Need::anyone) return {};
  if (need == Need::system) return !caller.tenant && caller.has(Role::system_administrator) ? Result<void>() : not_allowed("a system administrator");
  if (need == Need::system_or_tenant_admin) {
    const bool system = !caller.tenant && caller.has(Role::system_administrator);
    return system || (caller.tenant && caller.has(Role::administrator)) ? Result<void>() : not_allowed("an administrator");
  }
  if (!caller.tenant) return Error{ErrorCode::denied, "system administrators manage tenants and do not look inside them"};
  switch (need) {
    case Need::administrator:
      return caller.has(Role::administrator) ? Result<void>() : not_allowed("an administrator of this organisation");
    case Need::auditor:
      return caller.has(Role::auditor) || caller.has(Role::administrator) || caller.has(Role::compliance_officer)
                 ? Result<void>()
                 : not_allowed("an auditor, a compliance officer or an administrator");
    default:
      return caller.roles.empty() ? not_allowed("somebody with a role in this organisation") : Result<void>();
  }
}

bool Readable::contains(ArchiveId id) const { return std::find(archives.begin(), archives.end(), id) != archives.end(); }

Result<Readable> readable_archives(const Caller& caller) {
  Readable readable;
  if (!caller.tenant) return readable;
  auto archives = caller.tenant->archives();
  if (!archives) return archives.error();
  const bool all = caller.has(Role::compliance_officer), personal = caller.has(Role::user) || all;
  for (const auto& archive : *archives) {
    bool own = !archive.owner_user.empty() && archive.owner_user == caller.user_id;
    // An address opens the archive of a person, not one that several people share: that takes a grant.
    if (archive.kind == "person") {
      for (const auto& address : archive.addresses) {
        own = own || std::find(caller.addresses.begin(), caller.addresses.end(), folded(address)) != caller.addresses.end();
      }
    }
    own = own && personal;
    if (own) readable.own.push_back(archive.id);
    if (own || all) readable.archives.push_back(archive.id);
  }
  return readable;
}

Result<MessageAccess> check_message(const Caller& caller, Serial serial) {
  const Error none{ErrorCode::not_found, "there is no such message that you may read"};
  if (!caller.tenant) return none;
  auto readable = readable_archives(caller);
  if (!readable) return readable.error();
  auto placements = caller.tenant->store().placements(serial);
  if (!placements) return placements.error();
  MessageAccess access;
  for (auto& placement : *placements) {
    if (!readable->contains(placement.archive)) continue;
    access.in_own = access.in_own || std::find(readable->own.begin(), readable->own.end(), placement.archive) != readable->own.end();
    access.placements.push_back(std::move(placement));
  }
  if (access.placements.empty()) return none;
  return access;
}

}  // namespace kopial
