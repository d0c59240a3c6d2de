// Restores: mail back into a mailbox.
#include "server/archiving/restores.h"

#include <boost/json.hpp>

#include <algorithm>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/archiving/run_service.h"
#include "server/people/audit.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kMessagesMax = 1000;

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

json::object view(const RestoreView& restore) {
  json::array lost, errors;
  for (const auto& [what, count] : restore.lost) lost.push_back({{"what", what}, {"messages", count}});
  for (const auto& one : restore.errors) errors.push_back(json::string(one));
  return {{"id", restore.id},
          {"profile", restore.profile},
          {"mailbox", restore.mailbox},
          {"folder", restore.folder},
          {"username", restore.username},
          {"state", restore.state},
          {"started_at", format_rfc3339(restore.started_at)},
          {"ended_at", time_or_null(restore.ended_at)},
          {"total", restore.total},
          {"restored", restore.restored},
          {"failed", restore.failed},
          {"lost", std::move(lost)},
          {"errors", std::move(errors)},
          {"error", restore.error.empty() ? json::value(nullptr) : json::value(restore.error)}};
}

Result<RestoreWanted> read(const ApiCall& call, const json::object& body) {
  RestoreWanted wanted;
  auto profile = required_string(body, "profile", 100), mailbox = optional_string(body, "mailbox", "", 300), folder = required_string(body, "folder", 1000),
       archive = required_string(body, "archive", 20);
  auto messages = optional_strings(body, "messages", kMessagesMax);
  for (const auto* one : {&profile, &mailbox, &folder, &archive}) {
    if (!*one) return one->error();
  }
  if (!messages) return messages.error();
  const auto id = parse_archive_id(*archive);
  if (!id) return Error{ErrorCode::invalid, "'archive' must be the id of an archive"};
  wanted.profile = *profile;
  wanted.mailbox = *mailbox;
  wanted.folder = *folder;
  wanted.from = *id;
  for (const auto& one : *messages) {
    const auto serial = parse_message_id(one);
    if (!serial) return Error{ErrorCode::invalid, "'messages' must be ids of messages"};
    wanted.messages.push_back(*serial);
  }
  if (body.contains("archive_folder")) {
    auto source = optional_string(body, "archive_folder", "", 4096);
    if (!source) return source.error();
    wanted.archive_folder = *source;
  }
  if (wanted.messages.empty() == !wanted.archive_folder) return Error{ErrorCode::invalid, "give either 'messages' or 'archive_folder'"};
  wanted.user_id = call.caller.user_id;
  wanted.username = call.caller.username;
  return wanted;
}

// Every message lies in the archive that access was decided for.
Result<void> check_placed(Tenant& tenant, const RestoreWanted& wanted) {
  for (const auto serial : wanted.messages) {
    auto placements = tenant.store().placements(serial);
    if (!placements) return placements.error();
    const bool there = std::any_of(placements->begin(), placements->end(), [&](const Placement& one) { return one.archive == wanted.from; });
    if (!there) return Error{ErrorCode::not_found, "message " + message_id_text(serial) + " is not in this archive"};
  }
  return {};
}

// The mailbox to put mail into: the one that was named, or the one the archive was made from, which some sources know by its address only.
Result<SourceMailbox> target_of(const ApiCall& call, const RestoreWanted& wanted, const Archive& archive) {
  auto& restores = call.services.runs.restores();
  if (!wanted.mailbox.empty()) return restores.target(call.tenant(), wanted.profile, wanted.mailbox);
  if (archive.source_mailbox.empty()) return Error{ErrorCode::invalid, "'mailbox' is missing: this archive was made from none"};
  auto target = restores.target(call.tenant(), wanted.profile, archive.source_mailbox);
  for (const auto& address : archive.addresses) {
    if (target || target.error().code != ErrorCode::not_found) break;
    auto called = restores.target(call.tenant(), wanted.profile, address);
    if (called && called->id == archive.source_mailbox) target = std::move(called);
  }
  return target;
}

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"profile", "mailbox", "folder", "archive", "messages", "archive_folder", "purpose"});
  if (!body) return fail(call, body.error());
  auto wanted = read(call, *body);
  if (!wanted) return fail(call, wanted.error());
  auto purpose = optional_string(*body, "purpose", "", 500);
  if (!purpose) return fail(call, purpose.error());
  auto archive = call.tenant().archive(wanted->from);
  if (!archive) return fail(call, archive.error());
  if (!*archive) return fail(call, {ErrorCode::not_found, "there is no such archive"});
  auto caller = call.caller;
  if (!purpose->empty()) caller.purpose = *purpose;
  // Whoever may not even put mail back where it came from learns nothing of the source.
  if (auto allowed = check_restore(caller, **archive, (*archive)->source_mailbox); !allowed) return fail(call, allowed.error());
  auto target = target_of(call, *wanted, **archive);
  if (!target) return fail(call, target.error());
  if (auto allowed = check_restore(caller, **archive, target->id); !allowed) return fail(call, allowed.error());
  if (auto placed = check_placed(call.tenant(), *wanted); !placed) return fail(call, placed.error());
  // What is put back can be read there: it is on record before it begins.
  const auto what = wanted->messages.empty() ? "folder '" + *wanted->archive_folder + "'" : std::to_string(wanted->messages.size()) + " messages";
  auto noted = append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, "mail.restore",
                                            what + " of archive " + std::to_string(to_number(wanted->from)) + " into " + (target->upn.empty() ? target->id : target->upn),
                                            caller.purpose, call.request.remote_address, call.request.request_id});
  if (!noted) return fail(call, noted.error());
  auto begun = call.services.runs.restores().start(call.caller.tenant, *wanted, *target);
  return begun ? json_answer(202, view(*begun)) : fail(call, begun.error());
}

http::Response list(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto found = call.services.runs.restores().list(call.tenant(), page->limit);
  if (!found) return fail(call, found.error());
  json::array items;
  const bool all = check_need(call.caller, Need::auditor).ok();
  for (const auto& one : *found) {
    if (all || one.username == call.caller.username) items.push_back(view(one));
  }
  return collection(std::move(items), "");
}

Result<RestoreView> find(const ApiCall& call) {
  auto found = call.services.runs.restores().restore(call.tenant(), call.captures.front());
  if (!found) return found.error();
  if (!*found || ((*found)->username != call.caller.username && !check_need(call.caller, Need::auditor))) return Error{ErrorCode::not_found, "there is no such restore"};
  return **found;
}

http::Response show(const ApiCall& call) {
  auto found = find(call);
  return found ? json_answer(200, view(*found)) : fail(call, found.error());
}

http::Response cancel(const ApiCall& call) {
  auto found = find(call);
  if (!found) return fail(call, found.error());
  if (auto done = call.services.runs.restores().cancel(call.tenant(), found->id); !done) return fail(call, done.error());
  found = find(call);
  return found ? json_answer(202, view(*found)) : fail(call, found.error());
}

}  // namespace

void add_restore_routes(Api& api) {
  const std::string restores = "/api/v1/tenants/{t}/restores";
  api.add({"GET", restores, Need::member, list});
  api.add({"POST", restores, Need::member, create});
  api.add({"GET", restores + "/{r}", Need::member, show});
  api.add({"POST", restores + "/{r}/cancel", Need::member, cancel});
}

}  // namespace kopial
