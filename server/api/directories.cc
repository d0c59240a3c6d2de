// Directories: their settings, previews and synchronisations; the people they brought, and who owned an address when.
#include <algorithm>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/people/audit.h"
#include "server/people/directories.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kStepsShown = 1000;

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

json::array to_array(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }
json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

http::Response with_etag(int status, const DirectoryConfig& config) {
  auto response = json_answer(status, Directories::view(config));
  response.headers.emplace_back("etag", '"' + std::to_string(config.revision) + '"');
  return response;
}

Result<DirectoryConfig> find(const ApiCall& call) {
  auto config = call.services.directories.find(call.tenant(), call.captures.front());
  if (!config) return config.error();
  if (!*config) return Error{ErrorCode::not_found, "there is no such directory"};
  return **std::move(config);
}

http::Response list(const ApiCall& call) {
  auto all = call.services.directories.list(call.tenant());
  if (!all) return fail(call, all.error());
  json::array items;
  for (const auto& one : *all) items.push_back(Directories::view(one));
  return collection(std::move(items), "");
}

Result<json::object> body_of(const ApiCall& call) {
  json::parse_options options;
  options.max_depth = 8;
  json::error_code bad;
  auto value = json::parse(call.request.body.empty() ? "{}" : call.request.body, bad, {}, options);
  if (bad || !value.is_object()) return Error{ErrorCode::invalid, "the body must be a JSON object"};
  return std::move(value.get_object());  // Its fields are checked by name where they are read.
}

http::Response create(const ApiCall& call) {
  auto body = body_of(call);
  if (!body) return fail(call, body.error());
  DirectoryConfig config;
  if (auto read = Directories::read_fields(*body, config); !read) return fail(call, read.error());
  if (auto kept = note(call, "directory.create", config.name); !kept) return fail(call, kept.error());
  auto made = call.services.directories.create(call.tenant(), std::move(config));
  return made ? with_etag(201, *made) : fail(call, made.error());
}

http::Response show(const ApiCall& call) {
  auto config = find(call);
  return config ? with_etag(200, *config) : fail(call, config.error());
}

http::Response change(const ApiCall& call) {
  auto config = find(call);
  if (!config) return fail(call, config.error());
  auto body = body_of(call);
  if (!body) return fail(call, body.error());
  auto revision = if_match(call.request);
  if (!revision) return fail(call, revision.error());
  if (*revision) config->revision = **revision;
  if (body->contains("kind")) return fail(call, {ErrorCode::invalid, "'kind' cannot be changed; make another directory"});
  if (auto read = Directories::read_fields(*body, *config); !read) return fail(call, read.error());
  if (auto kept = note(call, "directory.change", config->name); !kept) return fail(call, kept.error());
  auto done = call.services.directories.update(call.tenant(), *std::move(config));
  return done ? with_etag(200, *done) : fail(call, done.error());
}

http::Response remove(const ApiCall& call) {
  auto config = find(call);
  if (!config) return fail(call, config.error());
  if (auto kept = note(call, "directory.remove", config->name); !kept) return fail(call, kept.error());
  if (auto done = call.services.directories.remove(call.tenant(), config->id); !done) return fail(call, done.error());
  http::Response response;
  response.status = 204;
  return response;
}

http::Response check(const ApiCall& call) {
  auto config = find(call);
  if (!config) return fail(call, config.error());
  auto done = call.services.directories.check(call.tenant(), *config, {});
  if (!done) return json_answer(200, json::object{{"ok", false}, {"problem", done.error().message}});
  return json_answer(200, json::object{{"ok", true}, {"problem", nullptr}});
}

json::object person_view(const Person& person) {
  json::array addresses, links;
  for (const auto& one : person.addresses) {
    addresses.push_back({{"address", one.address}, {"valid_from", time_or_null(one.valid_from)}, {"valid_until", time_or_null(one.valid_until)}});
  }
  for (const auto& link : person.links) {
    links.push_back({{"directory", link.directory}, {"object", link.id}, {"upn", text_or_null(link.upn)}, {"account", text_or_null(link.account)},
                     {"enabled", link.enabled}, {"present", link.present}, {"kind", to_string(link.kind)}, {"home", to_string(link.home)}});
  }
  return {{"id", person.id},       {"name", text_or_null(person.name)},   {"display_name", person.display_name},      {"kind", to_string(person.kind)},
          {"home", to_string(person.home)}, {"state", to_string(person.state)}, {"former_names", to_array(person.former_names)},
          {"addresses", std::move(addresses)}, {"links", std::move(links)}, {"groups", to_array(person.groups)}};
}

json::object step_view(const SyncStep& step) {
  json::object out{{"kind", to_string(step.kind)}, {"person", text_or_null(step.person)}, {"object", text_or_null(step.object)},
                   {"before", text_or_null(step.before)}, {"after", text_or_null(step.after)}, {"reason", step.reason},
                   {"at", time_or_null(step.at)}};
  if (step.kind == StepKind::groups) out["groups"] = to_array(step.list);
  if (step.made) out["made"] = person_view(*step.made);
  if (step.link) {
    out["link"] = json::object{{"addresses", to_array(step.link->addresses)}, {"kind", to_string(step.link->kind)}, {"home", to_string(step.link->home)},
                               {"enabled", step.link->enabled}, {"present", step.link->present}};
  }
  return out;
}

json::object summary(const SyncPreview& preview) {
  const auto& plan = preview.plan;
  json::object counts, ignored;
  std::map<std::string, std::uint64_t> by_kind;
  for (const auto& step : plan.steps) ++by_kind[std::string(to_string(step.kind))];
  for (const auto& [kind, count] : by_kind) counts[kind] = count;
  for (const auto& [reason, count] : plan.ignored) ignored[reason] = count;
  return {{"id", preview.id},        {"at", format_rfc3339(preview.at)}, {"complete", preview.state.complete}, {"seen", plan.seen},
          {"unchanged", plan.unchanged}, {"steps", plan.steps.size()},  {"counts", std::move(counts)},        {"ignored", std::move(ignored)},
          {"losses", plan.losses},   {"losses_allowed", plan.losses_allowed}, {"stopped", plan.stopped},      {"requests", preview.state.requests}};
}

// Steps from number `begin` on, with the summary.
http::Response steps(const SyncPreview& preview, std::size_t begin, std::size_t limit) {
  auto out = summary(preview);
  json::array items;
  const auto& all = preview.plan.steps;
  const auto end = std::min(all.size(), begin + limit);
  for (auto at = std::min(begin, all.size()); at < end; ++at) items.push_back(step_view(all[at]));
  out["items"] = std::move(items);
  out["next"] = end < all.size() ? json::value(std::to_string(end)) : json::value(nullptr);
  return json_answer(200, out);
}

http::Response preview(const ApiCall& call) {
  auto config = find(call);
  if (!config) return fail(call, config.error());
  if (auto kept = note(call, "directory.preview", config->name); !kept) return fail(call, kept.error());
  auto made = call.services.directories.preview(call.tenant(), *config, {});
  return made ? steps(**made, 0, kStepsShown) : fail(call, made.error());
}

http::Response preview_page(const ApiCall& call) {
  auto config = find(call);
  if (!config) return fail(call, config.error());
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  const auto kept = call.services.directories.previewed(call.tenant(), config->id);
  if (!kept) return fail(call, {ErrorCode::not_found, "there is no preview that is still kept; POST makes one"});
  if (page->after.find_first_not_of("0123456789") != std::string::npos || page->after.size() > 9) return fail(call, {ErrorCode::invalid, "after is not a value of next"});
  return steps(*kept, page->after.empty() ? 0 : std::stoul(page->after), page->limit);
}

http::Response sync(const ApiCall& call) {
  auto config = find(call);
  if (!config) return fail(call, config.error());
  auto body = read_object(call.request.body, {"preview", "confirm_losses", "complete"});
  if (!body) return fail(call, body.error());
  auto preview_id = optional_string(*body, "preview");
  auto confirm = optional_bool(*body, "confirm_losses", false), complete = optional_bool(*body, "complete", false);
  if (!preview_id) return fail(call, preview_id.error());
  if (!confirm) return fail(call, confirm.error());
  if (!complete) return fail(call, complete.error());
  if (auto kept = note(call, *confirm ? "directory.sync_with_losses" : "directory.sync", config->name); !kept) return fail(call, kept.error());
  auto done = call.services.directories.sync(call.tenant(), *config, {*preview_id, *confirm, *complete}, {});
  return done ? steps(**done, 0, kStepsShown) : fail(call, done.error());
}

http::Response people(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto found = list_people(call.tenant().store().records(), page->after, page->limit);
  if (!found) return fail(call, found.error());
  json::array items;
  for (const auto& person : *found) items.push_back(person_view(person));
  return collection(std::move(items), found->size() == page->limit ? found->back().id : "");
}

http::Response person(const ApiCall& call) {
  auto found = find_person(call.tenant().store().records(), call.captures.front());
  if (!found) return fail(call, found.error());
  return *found ? json_answer(200, person_view(**found)) : fail(call, {ErrorCode::not_found, "no directory has brought such a person"});
}

http::Response groups(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto found = list_groups(call.tenant(), page->after, page->limit);
  if (!found) return fail(call, found.error());
  json::array items;
  for (const auto& [id, name] : *found) items.push_back({{"id", id}, {"name", name}});
  return collection(std::move(items), found->size() == page->limit ? found->back().first : "");
}

http::Response address_owner(const ApiCall& call) {
  const auto address = call.request.parameter("address").value_or("");
  const auto at_text = call.request.parameter("at").value_or("");
  if (address.empty()) return fail(call, {ErrorCode::invalid, "'address' is missing"});
  const auto at = at_text.empty() ? std::optional(call.services.clock.now()) : parse_rfc3339(at_text);
  if (!at) return fail(call, {ErrorCode::invalid, "'at' is not a time; write 2026-11-24T00:00:00Z"});
  auto owner = owner_of_address(call.tenant(), call.services.users, address, *at);
  if (!owner) return fail(call, owner.error());
  return json_answer(200, json::object{{"address", fold(address)}, {"at", format_rfc3339(*at)}, {"person", text_or_null(owner->person)}, {"reason", owner->reason}});
}

// Users with old style names get the user principal names of the people they are; without `apply` it is only shown.
http::Response old_names(const ApiCall& call) {
  auto body = read_object(call.request.body, {"names", "apply"});
  if (!body) return fail(call, body.error());
  auto names = optional_strings(*body, "names", 10'000);
  auto apply = optional_bool(*body, "apply", false);
  if (!names) return fail(call, names.error());
  if (!apply) return fail(call, apply.error());
  auto& services = call.services;
  auto all = load_people(call.tenant(), services.users);
  auto directories = services.directories.list(call.tenant());
  if (!all) return fail(call, all.error());
  if (!directories) return fail(call, directories.error());
  std::map<std::string, std::string> domains;
  for (const auto& one : *directories) domains.insert(one.domains.begin(), one.domains.end());
  if (names->empty()) {
    for (const auto& one : *all) {
      if (one.links.empty() && !one.privileged && one.name.find('@') == std::string::npos) names->push_back(one.name);
    }
  }
  const auto rows = resolve_old_names(*names, *all, domains);
  if (*apply) {
    if (auto kept = note(call, "user.old_names", std::to_string(rows.size()) + " names"); !kept) return fail(call, kept.error());
  }
  json::array items;
  for (const auto& row : rows) {
    bool done = false;
    std::string reason = row.reason;
    if (*apply && !row.person.empty() && !row.upn.empty()) {
      auto merged = adopt_user(call.tenant(), services.users, row.name, row.person);
      done = merged.ok();
      if (!merged) reason = merged.error().message;
    }
    items.push_back({{"name", row.name}, {"person", text_or_null(row.person)}, {"upn", text_or_null(row.upn)}, {"reason", reason}, {"applied", done}});
  }
  return collection(std::move(items), "");
}

}  // namespace

void add_directory_routes(Api& api) {
  const std::string tenant = "/api/v1/tenants/{t}", directories = tenant + "/directories", one = directories + "/{d}";
  constexpr std::uint64_t kCsvBody = 16 << 20;
  api.add({"GET", directories, Need::administrator, list});
  api.add({"POST", directories, Need::administrator, create, kCsvBody});
  api.add({"GET", one, Need::administrator, show});
  api.add({"PATCH", one, Need::administrator, change, kCsvBody});
  api.add({"DELETE", one, Need::administrator, remove});
  api.add({"POST", one + "/check", Need::administrator, check});
  api.add({"GET", one + "/preview", Need::administrator, preview_page});
  api.add({"POST", one + "/preview", Need::administrator, preview});
  api.add({"POST", one + "/sync", Need::administrator, sync});
  api.add({"GET", tenant + "/people", Need::administrator, people});
  api.add({"GET", tenant + "/people/{p}", Need::administrator, person});
  api.add({"GET", tenant + "/groups", Need::administrator, groups});
  api.add({"GET", tenant + "/address-owner", Need::auditor, address_owner});
  api.add({"POST", tenant + "/old-names", Need::administrator, old_names});
}

}  // namespace kopial
