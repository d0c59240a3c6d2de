#include "server/people/access.h"

#include <algorithm>
#include <set>

#include "server/people/grants.h"

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
    case Need::officer: return caller.has(Role::compliance_officer) ? Result<void>() : not_allowed("a compliance officer");
    case Need::overseer:
      return caller.has(Role::auditor) || caller.has(Role::compliance_officer) ? Result<void>() : not_allowed("an auditor or a compliance officer");
    case Need::eraser:
      return caller.has(Role::administrator) || caller.has(Role::compliance_officer) ? Result<void>() : not_allowed("an administrator or a compliance officer");
    default:
      if (need == Need::reader && caller.has(Role::system_administrator)) return {};  // Let in by a grant of the tenant.
      return caller.roles.empty() ? not_allowed("somebody with a role in this organisation") : Result<void>();
  }
}

Result<void> check_method(const Caller& caller, const std::string& method) {
  if (!caller.read_only || method == "GET" || method == "HEAD") return {};
  return Error{ErrorCode::denied, "this token, or app password, is for reading only"};
}

Result<void> check_four_eyes(const Caller& caller, const std::string& asked_by) {
  if (asked_by.empty()) return Error{ErrorCode::denied, "it is not known who asked for this: withdraw it, and ask anew"};
  if (caller.user_id != asked_by) return {};
  return Error{ErrorCode::denied, "you asked for this yourself: another administrator or compliance officer must confirm it"};
}

Result<void> check_step_up(const Caller& caller) {
  if (caller.is_token) return Error{ErrorCode::denied, "an API token cannot do this: sign in for it"};
  if (caller.at - caller.verified_at > std::chrono::minutes(15)) {
    return Error{ErrorCode::denied, "show once more that it is you: sign in anew, or POST /api/v1/sessions/current/verify with your password or code"};
  }
  return {};
}

Result<void> check_giving_roles(const Caller& caller, const std::set<Role>& before, const std::set<Role>& after) {
  const bool gives = std::any_of(after.begin(), after.end(), [&](Role role) { return role != Role::user && !before.contains(role); });
  return gives ? check_step_up(caller) : Result<void>();
}

bool Readable::contains(ArchiveId id) const { return std::binary_search(archives.begin(), archives.end(), id); }
bool Readable::is_own(ArchiveId id) const { return std::binary_search(own.begin(), own.end(), id); }
bool Readable::sees(ArchiveId id, const std::string& folder) const {
  return contains(id) || std::any_of(folders.begin(), folders.end(), [&](const auto& one) { return one.first == id && lies_in(folder, one.second); });
}

Result<Readable> readable_archives(const Caller& caller, bool looks, const std::string& right) {
  Readable readable;
  if (!caller.tenant) return readable;
  auto archives = caller.tenant->archives();
  if (!archives) return archives.error();
  auto grants = grants_of(*caller.tenant, caller, caller.at);
  if (!grants) return grants.error();
  const bool officer = caller.has(Role::compliance_officer), personal = caller.has(Role::user) || officer;
  bool all = officer;
  if (officer) {
    auto policy = access_policy(*caller.tenant);
    if (!policy) return policy.error();
    if (looks && policy->purpose_needed && caller.purpose.empty()) {
      return Error{ErrorCode::denied, "this organisation asks officers for a purpose with every look at mail: add ?purpose="};
    }
    if (policy->four_eyes) all = false;
    readable.reason = policy->four_eyes ? "" : "compliance officer";
  }
  std::set<ArchiveId> granted;
  for (const auto& grant : *grants) {
    if (!grant.gives(right)) continue;
    // A request is an officer's: it ends with the role.
    if (grant.is_request && !officer) continue;
    if (to_number(grant.archive) == 0) all = all || grant.is_request || !grant.system_administrator.empty();
    else if (grant.folder.empty()) granted.insert(grant.archive);
    else readable.folders.emplace_back(grant.archive, grant.folder);
    if (readable.reason.size() < 200) readable.reason += (readable.reason.empty() ? "grant " : ", ") + grant.id;
  }
  for (const auto& archive : *archives) {
    bool own = !archive.owner_user.empty() && archive.owner_user == caller.user_id;
    // An address opens the archive of a person, not one that several people share: that takes a grant. And only while nobody is its
    // owner: whoever is given a predecessor's address must not read the predecessor's mail.
    if (archive.kind == "person" && archive.owner_user.empty()) {
      for (const auto& address : archive.addresses) {
        own = own || std::find(caller.addresses.begin(), caller.addresses.end(), folded(address)) != caller.addresses.end();
      }
    }
    own = own && personal;
    if (own) readable.own.push_back(archive.id);
    if (own || all || granted.contains(archive.id)) readable.archives.push_back(archive.id);
  }
  std::sort(readable.own.begin(), readable.own.end());
  std::sort(readable.archives.begin(), readable.archives.end());
  if (readable.reason.empty()) readable.reason = "own archive";
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
  access.reason = readable->reason;
  for (auto& placement : *placements) {
    if (!readable->sees(placement.archive, placement.folder)) continue;
    access.in_own = access.in_own || readable->is_own(placement.archive);
    access.placements.push_back(std::move(placement));
  }
  if (access.placements.empty()) return none;
  return access;
}

Result<bool> admit_by_grant(Caller& caller, Need need, Tenants& tenants, const std::string& slug) {
  if (need != Need::reader || caller.tenant || !caller.has(Role::system_administrator)) return false;
  auto tenant = tenants.open(slug);
  if (!tenant) return false;  // check_need says the same as of a tenant that is there.
  auto grants = grants_of(**tenant, caller, caller.at);
  if (!grants) return grants.error();
  if (grants->empty()) return false;
  caller.tenant = *std::move(tenant);
  return true;
}

Result<void> check_restore(const Caller& caller, const Archive& from, const std::string& mailbox_id) {
  if (!caller.tenant) return Error{ErrorCode::denied, "system administrators manage tenants and do not look inside them"};
  const bool to_its_own = !from.source_mailbox.empty() && from.source_mailbox == mailbox_id;
  if (to_its_own && caller.has(Role::administrator)) return {};
  auto readable = readable_archives(caller);
  if (!readable) return readable.error();
  const bool reads = readable->contains(from.id);
  if (!to_its_own && !(reads && caller.has(Role::compliance_officer))) {
    return Error{ErrorCode::denied, "mail goes back into the mailbox it came from; into another one only a compliance officer may put it"};
  }
  return reads ? Result<void>() : Error{ErrorCode::denied, "only an administrator, and whoever may read an archive, may restore from it"};
}

}  // namespace kopial
