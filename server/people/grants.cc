#include "server/people/grants.h"

#include <boost/json.hpp>

#include <algorithm>

#include "storage/base/json_fields.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "grant", kPolicyKind = "access_policy", kPolicyId = "policy";
constexpr std::size_t kGrantsMax = 100'000, kPage = 1000;

std::string time(const std::optional<Time>& at) { return at ? format_rfc3339(*at) : ""; }

std::string encode(const Grant& grant) {
  return json::serialize(json::object{{"v", 1}, {"user", grant.user}, {"group", grant.group}, {"system_administrator", grant.system_administrator},
                                      {"archive", to_number(grant.archive)}, {"folder", grant.folder}, {"rights", json::array(grant.rights.begin(), grant.rights.end())},
                                      {"from", time(grant.from)}, {"until", time(grant.until)}, {"reason", grant.reason}, {"made_by", grant.made_by},
                                      {"approved_by", grant.approved_by}, {"request", grant.is_request}, {"created_at", format_rfc3339(grant.created_at)}});
}

Result<Grant> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of grant " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  Grant grant;
  grant.id = record.id;
  grant.user = text(object, "user");
  grant.group = text(object, "group");
  grant.system_administrator = text(object, "system_administrator");
  if (const auto* archive = object.if_contains("archive"); archive != nullptr && archive->is_int64()) grant.archive = static_cast<ArchiveId>(archive->get_int64());
  grant.folder = text(object, "folder");
  if (const auto* rights = object.if_contains("rights"); rights != nullptr && rights->is_array()) {
    for (const auto& right : rights->get_array()) {
      if (right.is_string()) grant.rights.emplace(right.get_string());
    }
  }
  grant.from = parse_rfc3339(text(object, "from"));
  grant.until = parse_rfc3339(text(object, "until"));
  // An end that cannot be read must not make a grant endless.
  if (!text(object, "until").empty() && !grant.until) return Error{ErrorCode::corrupt, "the end of grant " + record.id + " cannot be read"};
  grant.reason = text(object, "reason");
  grant.made_by = text(object, "made_by");
  grant.approved_by = text(object, "approved_by");
  grant.is_request = flag(object, "request");
  grant.created_at = parse_rfc3339(text(object, "created_at")).value_or(Time{});
  return grant;
}

}  // namespace

Result<std::shared_ptr<const std::vector<Grant>>> GrantBook::all() {
  const std::lock_guard lock(mutex_);
  if (kept_) return kept_;
  auto out = std::make_shared<std::vector<Grant>>();
  for (std::string after;;) {
    auto listed = records_.list(kKind, after, kPage);
    if (!listed) return listed.error();
    for (const auto& record : *listed) {
      auto grant = decode(record);
      if (!grant) return grant.error();
      out->push_back(*std::move(grant));
    }
    if (listed->size() < kPage) break;
    after = listed->back().id;
  }
  kept_ = std::move(out);
  return kept_;
}

Result<void> GrantBook::write(const std::string& id, std::optional<std::string> json, std::optional<std::uint64_t> if_revision) {
  const std::lock_guard lock(mutex_);
  kept_.reset();  // Also when it fails: what is on disk then, is read again.
  return records_.write({{std::string(kKind), id, std::move(json), if_revision}});
}

Result<std::shared_ptr<const std::vector<Grant>>> list_grants(Tenant& tenant) { return tenant.grant_book().all(); }

Result<std::optional<Grant>> find_grant(Tenant& tenant, const std::string& id) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<Grant>();
  auto grant = decode(**record);
  if (!grant) return grant.error();
  return std::optional(*std::move(grant));
}

Result<Grant> create_grant(Tenant& tenant, Grant grant) {
  auto all = list_grants(tenant);
  if (!all) return all.error();
  if ((*all)->size() >= kGrantsMax) return Error{ErrorCode::conflict, "a tenant has at most 100000 grants; give groups instead of users"};
  grant.id = random_token();
  if (auto kept = tenant.grant_book().write(grant.id, encode(grant), 0); !kept) return kept.error();
  return grant;
}

Result<Grant> approve_request(Tenant& tenant, const std::string& id, const std::string& approver, Time now) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return Error{ErrorCode::not_found, "there is no such request"};
  auto grant = decode(**record);
  if (!grant) return grant.error();
  if (!grant->is_request) return Error{ErrorCode::not_found, "there is no such request"};
  if (!grant->approved_by.empty()) return Error{ErrorCode::conflict, "it was approved already"};
  if (grant->made_by == approver) return Error{ErrorCode::conflict, "nobody approves his own request: a second pair of eyes is what this is for"};
  if (grant->until && now >= *grant->until) return Error{ErrorCode::conflict, "its time is over"};
  grant->approved_by = approver;
  auto kept = tenant.grant_book().write(id, encode(*grant), (*record)->revision);
  if (!kept) return kept.error();
  return *std::move(grant);
}

Result<void> remove_grant(Tenant& tenant, const std::string& id) { return tenant.grant_book().write(id, std::nullopt, std::nullopt); }

Result<std::vector<Grant>> grants_of(Tenant& tenant, const Caller& caller, Time now) {
  auto all = list_grants(tenant);
  if (!all) return all.error();
  const auto is_his = [&](const Grant& grant) {
    if (!grant.holds_at(now)) return false;
    if (caller.has(Role::system_administrator)) return !grant.system_administrator.empty() && grant.system_administrator == caller.username;
    if (!grant.system_administrator.empty()) return false;
    if (!grant.user.empty()) return grant.user == caller.user_id;
    return !grant.group.empty() && std::find(caller.groups.begin(), caller.groups.end(), grant.group) != caller.groups.end();
  };
  std::vector<Grant> out;
  std::copy_if((*all)->begin(), (*all)->end(), std::back_inserter(out), is_his);
  return out;
}

Result<AccessPolicy> access_policy(Tenant& tenant) {
  auto record = tenant.store().records().get(kPolicyKind, kPolicyId);
  if (!record) return record.error();
  if (!*record) return AccessPolicy{};
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of the access policy cannot be read"};
  return AccessPolicy{flag(value.get_object(), "purpose_needed"), flag(value.get_object(), "four_eyes"), (*record)->revision};
}

Result<AccessPolicy> set_access_policy(Tenant& tenant, AccessPolicy policy) {
  auto kept = tenant.store().records().put(std::string(kPolicyKind), std::string(kPolicyId),
                                           json::serialize(json::object{{"v", 1}, {"purpose_needed", policy.purpose_needed}, {"four_eyes", policy.four_eyes}}), policy.revision);
  if (!kept) return kept.error();
  ++policy.revision;
  return policy;
}

bool lies_in(const std::string& folder, const std::string& above) {
  return above.empty() || folder == above || (folder.size() > above.size() && folder.starts_with(above) && folder[above.size()] == '/');
}

}  // namespace kopial
