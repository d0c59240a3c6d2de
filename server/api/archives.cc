// Archives: listed for those who run them and those who read them; browsed by readers only.
#include <algorithm>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/people/audit.h"
#include "server/people/users.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::chrono::hours kFresh{26};  // A daily run and some hours of grace.

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
Error no_archive() { return {ErrorCode::not_found, "there is no such archive that you may see"}; }

Result<void> note(const ApiCall& call, std::string action, std::string object, std::string reason = {}) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object),
                                      call.request.parameter("purpose").value_or(""), call.request.remote_address, call.request.request_id, std::move(reason)});
}

Result<json::object> view(const ApiCall& call, const Archive& archive) {
  auto totals = call.tenant().store().totals(archive.id);
  if (!totals) return totals.error();
  json::array addresses;
  for (const auto& address : archive.addresses) addresses.push_back(json::string(address));
  const auto last = totals->last_archived_at;
  const auto freshness = !last ? "never" : call.services.clock.now() - *last < kFresh ? "fresh" : "stale";
  return json::object{{"id", archive_id_text(archive.id)},
                      {"kind", archive.kind},
                      {"display_name", archive.display_name},
                      {"owner_user", archive.owner_user.empty() ? json::value(nullptr) : json::value(archive.owner_user)},
                      {"addresses", std::move(addresses)},
                      {"messages", totals->messages},
                      {"bytes", totals->bytes},
                      {"last_archived_at", time_or_null(last)},
                      {"freshness", freshness}};
}

// Administrators see which archives there are; what is in them is for readers.
Result<std::vector<Archive>> visible(const ApiCall& call) {
  auto archives = call.tenant().archives();
  if (!archives || call.caller.has(Role::administrator)) return archives;
  auto readable = readable_archives(call.caller, false);
  if (!readable) return readable.error();
  std::erase_if(*archives, [&](const Archive& archive) {
    const auto& folders = readable->folders;
    return !readable->contains(archive.id) && std::none_of(folders.begin(), folders.end(), [&](const auto& one) { return one.first == archive.id; });
  });
  return archives;
}

http::Response list(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto archives = visible(call);
  if (!archives) return fail(call, archives.error());
  const auto after = page->after.empty() ? std::optional(ArchiveId{0}) : parse_archive_id(page->after);
  if (!after) return fail(call, {ErrorCode::invalid, "after is not a value of next"});
  json::array items;
  std::string last;
  bool more = false;
  for (const auto& archive : *archives) {  // In the order of their ids.
    if (to_number(archive.id) <= to_number(*after)) continue;
    if (items.size() == page->limit) {
      more = true;
      break;
    }
    auto one = view(call, archive);
    if (!one) return fail(call, one.error());
    items.push_back(*std::move(one));
    last = archive_id_text(archive.id);
  }
  return collection(std::move(items), more ? last : "");
}

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"kind", "display_name", "owner_user", "addresses"});
  if (!body) return fail(call, body.error());
  auto kind = optional_string(*body, "kind", "import");
  auto name = required_string(*body, "display_name", 200);
  auto owner = optional_string(*body, "owner_user");
  auto addresses = optional_strings(*body, "addresses", 100);
  for (const auto* one : {&kind, &name, &owner}) {
    if (!*one) return fail(call, one->error());
  }
  if (!addresses) return fail(call, addresses.error());
  if (*kind != "person" && *kind != "shared" && *kind != "journal" && *kind != "import") {
    return fail(call, {ErrorCode::invalid, "'kind' must be person, shared, journal or import"});
  }
  if (!owner->empty()) {
    auto user = call.services.users.by_id(call.tenant().store().records(), *owner);
    if (!user) return fail(call, user.error());
    if (!*user) return fail(call, {ErrorCode::invalid, "'owner_user' is not the id of a user"});
  }
  auto made = call.tenant().create_archive({ArchiveId{}, *kind, *name, *owner, "", *addresses});
  if (!made) return fail(call, made.error());
  if (auto kept = note(call, "archive.create", archive_id_text(made->id)); !kept) return fail(call, kept.error());
  auto out = view(call, *made);
  return out ? json_answer(201, *out) : fail(call, out.error());
}

Result<Archive> find_visible(const ApiCall& call) {
  const auto id = parse_archive_id(call.captures.front());
  if (!id) return no_archive();
  auto archives = visible(call);
  if (!archives) return archives.error();
  for (auto& archive : *archives) {
    if (archive.id == *id) return std::move(archive);
  }
  return no_archive();
}

http::Response show(const ApiCall& call) {
  auto archive = find_visible(call);
  if (!archive) return fail(call, archive.error());
  auto out = view(call, *archive);
  return out ? json_answer(200, *out) : fail(call, out.error());
}

http::Response change(const ApiCall& call) {
  auto archive = find_visible(call);
  if (!archive) return fail(call, archive.error());
  auto body = read_object(call.request.body, {"display_name", "owner_user", "addresses"});
  if (!body) return fail(call, body.error());
  auto name = optional_string(*body, "display_name", archive->display_name, 200);
  auto owner = body->contains("owner_user") ? optional_string(*body, "owner_user") : Result<std::string>(archive->owner_user);
  auto addresses = body->contains("addresses") ? optional_strings(*body, "addresses", 100) : Result<std::vector<std::string>>(archive->addresses);
  if (!name) return fail(call, name.error());
  if (!owner) return fail(call, owner.error());
  if (!addresses) return fail(call, addresses.error());
  if (!owner->empty()) {
    auto user = call.services.users.by_id(call.tenant().store().records(), *owner);
    if (!user) return fail(call, user.error());
    if (!*user) return fail(call, {ErrorCode::invalid, "'owner_user' is not the id of a user"});
  }
  archive->display_name = *name;
  archive->owner_user = *owner;
  archive->addresses = *addresses;
  // Who owns an archive decides who reads it: noted before it holds.
  if (auto kept = note(call, "archive.change", archive_id_text(archive->id)); !kept) return fail(call, kept.error());
  if (auto done = call.tenant().update_archive(*archive); !done) return fail(call, done.error());
  auto out = view(call, *archive);
  return out ? json_answer(200, *out) : fail(call, out.error());
}

// The archive of the route, of which the caller may read something.
struct Found {
  ArchiveId id{};
  Readable readable;
  bool own() const { return readable.is_own(id); }
};
Result<Found> find_readable(const ApiCall& call) {
  const auto id = parse_archive_id(call.captures.front());
  auto readable = readable_archives(call.caller);
  if (!readable) return readable.error();
  const auto& folders = readable->folders;
  if (!id || (!readable->contains(*id) && std::none_of(folders.begin(), folders.end(), [&](const auto& one) { return one.first == *id; }))) {
    return Error{ErrorCode::not_found, "there is no such archive that you may read"};
  }
  return Found{*id, *std::move(readable)};
}

http::Response folders(const ApiCall& call) {
  auto archive = find_readable(call);
  if (!archive) return fail(call, archive.error());
  auto found = call.tenant().store().folders(archive->id);
  if (!found) return fail(call, found.error());
  std::erase_if(*found, [&](const FolderCount& folder) { return !archive->readable.sees(archive->id, folder.folder); });
  if (!archive->own()) {
    if (auto kept = note(call, "archive.folders", archive_id_text(archive->id), archive->readable.reason); !kept) return fail(call, kept.error());
  }
  json::array items;
  for (const auto& folder : *found) items.push_back({{"folder", folder.folder}, {"messages", folder.messages}});
  return collection(std::move(items), "");
}

http::Response messages(const ApiCall& call) {
  auto archive = find_readable(call);
  if (!archive) return fail(call, archive.error());
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  const auto folder = call.request.parameter("folder").value_or("");
  if (!archive->readable.sees(archive->id, folder)) {
    return fail(call, {ErrorCode::not_found, folder.empty() ? "you may read folders of this archive only: name one with ?folder=" : "there is no such folder that you may read"});
  }
  auto found = call.tenant().store().browse(archive->id, folder, page->after, page->limit);
  if (!found) return fail(call, found.error());
  if (!archive->own()) {
    if (auto kept = note(call, "archive.browse", archive_id_text(archive->id) + " " + folder, archive->readable.reason); !kept) return fail(call, kept.error());
  }
  auto records = call.tenant().store().messages(found->serials);
  if (!records) return fail(call, records.error());
  json::array items;
  for (const auto& record : *records) {
    auto placements = call.tenant().store().placements(record.serial);
    if (!placements) return fail(call, placements.error());
    std::erase_if(*placements, [&](const Placement& one) { return one.archive != archive->id || (!folder.empty() && one.folder != folder); });
    auto line = message_line(record, *placements, "");
    line.erase("snippet");
    items.push_back(std::move(line));
  }
  return collection(std::move(items), found->next);
}

}  // namespace

void add_archive_routes(Api& api) {
  const std::string archives = "/api/v1/tenants/{t}/archives";
  api.add({"GET", archives, Need::member, list});
  api.add({"POST", archives, Need::administrator, create});
  api.add({"GET", archives + "/{a}", Need::member, show});
  api.add({"PATCH", archives + "/{a}", Need::administrator, change});
  api.add({"GET", archives + "/{a}/folders", Need::reader, folders});
  api.add({"GET", archives + "/{a}/messages", Need::reader, messages});
}

}  // namespace kopial
