// Grants, the access policy for officers, and their requests under it.
#include <algorithm>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/people/audit.h"
#include "server/people/directories.h"
#include "server/people/grants.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

Result<void> note(const ApiCall& call, std::string action, std::string object, std::string reason) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id, std::move(reason)});
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object view(const Grant& grant, Time now) {
  return {{"id", grant.id},
          {"user", text_or_null(grant.user)},
          {"group", text_or_null(grant.group)},
          {"system_administrator", text_or_null(grant.system_administrator)},
          {"archive", to_number(grant.archive) == 0 ? json::value(nullptr) : json::value(archive_id_text(grant.archive))},
          {"folder", text_or_null(grant.folder)},
          {"rights", json::array(grant.rights.begin(), grant.rights.end())},
          {"from", time_or_null(grant.from)},
          {"until", time_or_null(grant.until)},
          {"reason", grant.reason},
          {"made_by", text_or_null(grant.made_by)},
          {"approved_by", text_or_null(grant.approved_by)},
          {"request", grant.is_request},
          {"holds", grant.holds_at(now)},
          {"created_at", format_rfc3339(grant.created_at)}};
}

Result<std::optional<Time>> time_of(const json::object& body, std::string_view field) {
  auto given = optional_string(body, field);
  if (!given) return given.error();
  if (given->empty()) return std::optional<Time>();
  const auto time = parse_rfc3339(*given);
  if (!time) return Error{ErrorCode::invalid, "'" + std::string(field) + "' is not a time; write 2026-11-24T00:00:00Z"};
  return time;
}

// What grants and requests have in common.
Result<Grant> read_grant(const ApiCall& call, const json::object& body) {
  Grant grant;
  auto archive = optional_string(body, "archive"), folder = optional_string(body, "folder"), reason = required_string(body, "reason", 2000);
  auto rights = optional_strings(body, "rights", 10);
  auto from = time_of(body, "from"), until = time_of(body, "until");
  for (const auto* one : {&archive, &folder, &reason}) {
    if (!*one) return one->error();
  }
  if (!rights) return rights.error();
  if (!from) return from.error();
  if (!until) return until.error();
  if (!archive->empty()) {
    const auto id = parse_archive_id(*archive);
    auto found = id ? call.tenant().archive(*id) : Result<std::optional<Archive>>(std::optional<Archive>());
    if (!found) return found.error();
    if (!*found) return Error{ErrorCode::invalid, "'archive' is not the id of an archive"};
    grant.archive = *id;
  }
  if (!folder->empty() && archive->empty()) return Error{ErrorCode::invalid, "a folder belongs to an archive: 'archive' is missing"};
  grant.folder = *folder;
  if (rights->empty()) grant.rights = {"read"};
  for (const auto& right : *rights) {
    if (right != "read" && right != "export") return Error{ErrorCode::invalid, "'" + right.substr(0, 50) + "' is no right; read and export are"};
    grant.rights.insert(right);
  }
  grant.from = *from;
  grant.until = *until;
  const auto now = call.services.clock.now();
  if (grant.until && *grant.until <= now) return Error{ErrorCode::invalid, "'until' lies in the past"};
  if (grant.from && grant.until && *grant.from >= *grant.until) return Error{ErrorCode::invalid, "it ends before it begins"};
  grant.reason = *reason;
  grant.made_by = call.caller.user_id;
  grant.created_at = now;
  return grant;
}

std::string described(const Grant& grant) {
  return (grant.user.empty() ? grant.group.empty() ? "system administrator " + grant.system_administrator : "group " + grant.group : "user " + grant.user) +
         (to_number(grant.archive) == 0 ? ", every archive" : ", archive " + archive_id_text(grant.archive)) + (grant.folder.empty() ? "" : ", folder " + grant.folder);
}

http::Response list_those(const ApiCall& call, bool requests) {
  auto all = list_grants(call.tenant());
  if (!all) return fail(call, all.error());
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  json::array items;
  std::string last;
  bool more = false, begun = page->after.empty();
  for (const auto& grant : **all) {
    if (grant.is_request != requests) continue;
    if (!begun) {
      begun = grant.id == page->after;
      continue;
    }
    if (items.size() == page->limit) {
      more = true;
      break;
    }
    items.push_back(view(grant, call.services.clock.now()));
    last = grant.id;
  }
  return collection(std::move(items), more ? last : "");
}

http::Response list(const ApiCall& call) { return list_those(call, false); }

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"user", "group", "system_administrator", "archive", "folder", "rights", "from", "until", "reason"});
  if (!body) return fail(call, body.error());
  auto grant = read_grant(call, *body);
  if (!grant) return fail(call, grant.error());
  auto user = optional_string(*body, "user"), group = optional_string(*body, "group"), system = optional_string(*body, "system_administrator");
  for (const auto* one : {&user, &group, &system}) {
    if (!*one) return fail(call, one->error());
  }
  if (!user->empty() + !group->empty() + !system->empty() != 1) return fail(call, {ErrorCode::invalid, "exactly one of 'user', 'group' and 'system_administrator' must be given"});
  if (system->empty() && to_number(grant->archive) == 0) return fail(call, {ErrorCode::invalid, "'archive' is missing"});
  if (!user->empty()) {
    auto known = call.services.users.by_id(call.tenant().store().records(), *user);
    if (!known) return fail(call, known.error());
    if (!*known) return fail(call, {ErrorCode::invalid, "'user' is not the id of a user"});
    if (*user == call.caller.user_id) return fail(call, {ErrorCode::denied, "nobody grants himself access; another administrator can"});
  }
  if (!group->empty()) {
    auto known = is_group(call.tenant(), *group);
    if (!known) return fail(call, known.error());
    if (!*known) return fail(call, {ErrorCode::invalid, "'group' is not the id of a group"});
    const auto& his = call.caller.groups;
    if (std::find(his.begin(), his.end(), *group) != his.end()) return fail(call, {ErrorCode::denied, "nobody grants himself access, neither through a group of his"});
  }
  if (!system->empty() && (!grant->until || *grant->until > call.services.clock.now() + kSystemAccessMax)) {
    return fail(call, {ErrorCode::invalid, "access for a system administrator ends by itself: 'until' within 72 hours is needed"});
  }
  grant->user = *user;
  grant->group = *group;
  grant->system_administrator = *system;
  if (auto kept = note(call, "grant.create", described(*grant), grant->reason); !kept) return fail(call, kept.error());
  auto made = create_grant(call.tenant(), *std::move(grant));
  return made ? json_answer(201, view(*made, call.services.clock.now())) : fail(call, made.error());
}

http::Response remove(const ApiCall& call) {
  auto grant = find_grant(call.tenant(), call.captures.front());
  if (!grant) return fail(call, grant.error());
  if (!*grant) return fail(call, {ErrorCode::not_found, "there is no such grant"});
  if (auto kept = note(call, "grant.remove", described(**grant), (*grant)->reason); !kept) return fail(call, kept.error());
  if (auto done = remove_grant(call.tenant(), (*grant)->id); !done) return fail(call, done.error());
  http::Response response;
  response.status = 204;
  return response;
}

http::Response requests(const ApiCall& call) { return list_those(call, true); }

http::Response create_request(const ApiCall& call) {
  auto body = read_object(call.request.body, {"archive", "rights", "until", "reason"});
  if (!body) return fail(call, body.error());
  auto grant = read_grant(call, *body);
  if (!grant) return fail(call, grant.error());
  if (!grant->until || *grant->until > call.services.clock.now() + kRequestMax) return fail(call, {ErrorCode::invalid, "'until' within 31 days is needed"});
  grant->user = call.caller.user_id;
  grant->is_request = true;
  if (auto kept = note(call, "access_request.create", described(*grant), grant->reason); !kept) return fail(call, kept.error());
  auto made = create_grant(call.tenant(), *std::move(grant));
  return made ? json_answer(201, view(*made, call.services.clock.now())) : fail(call, made.error());
}

http::Response approve(const ApiCall& call) {
  if (auto kept = note(call, "access_request.approve", call.captures.front(), ""); !kept) return fail(call, kept.error());
  auto done = approve_request(call.tenant(), call.captures.front(), call.caller.user_id, call.services.clock.now());
  return done ? json_answer(200, view(*done, call.services.clock.now())) : fail(call, done.error());
}

http::Response with_etag(const AccessPolicy& policy) {
  auto response = json_answer(200, json::object{{"purpose_needed", policy.purpose_needed}, {"four_eyes", policy.four_eyes}});
  response.headers.emplace_back("etag", '"' + std::to_string(policy.revision) + '"');
  return response;
}

http::Response show_policy(const ApiCall& call) {
  auto policy = access_policy(call.tenant());
  return policy ? with_etag(*policy) : fail(call, policy.error());
}

http::Response change_policy(const ApiCall& call) {
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  auto policy = access_policy(call.tenant());
  if (!policy) return fail(call, policy.error());
  auto body = read_object(call.request.body, {"purpose_needed", "four_eyes"});
  if (!body) return fail(call, body.error());
  auto purpose = optional_bool(*body, "purpose_needed", policy->purpose_needed), four = optional_bool(*body, "four_eyes", policy->four_eyes);
  if (!purpose) return fail(call, purpose.error());
  if (!four) return fail(call, four.error());
  policy->purpose_needed = *purpose;
  policy->four_eyes = *four;
  if (auto kept = note(call, "access_policy.change", std::string("purpose needed: ") + (*purpose ? "yes" : "no") + ", four eyes: " + (*four ? "yes" : "no"), ""); !kept) {
    return fail(call, kept.error());
  }
  auto done = set_access_policy(call.tenant(), *policy);
  return done ? with_etag(*done) : fail(call, done.error());
}

}  // namespace

void add_grant_routes(Api& api) {
  const std::string tenant = "/api/v1/tenants/{t}", grants = tenant + "/grants", asked = tenant + "/access-requests", policy = tenant + "/access-policy";
  api.add({"GET", grants, Need::auditor, list});
  api.add({"POST", grants, Need::administrator, create});
  api.add({"DELETE", grants + "/{g}", Need::administrator, remove});
  api.add({"GET", asked, Need::auditor, requests});
  api.add({"POST", asked, Need::officer, create_request});
  api.add({"POST", asked + "/{g}/approve", Need::overseer, approve});
  api.add({"GET", policy, Need::auditor, show_policy});
  api.add({"PATCH", policy, Need::administrator, change_policy});
}

}  // namespace kopial
