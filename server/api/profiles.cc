// Profiles, their runs, and runs as they go on.
#include <fmt/format.h>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/archiving/after_archiving.h"
#include "server/archiving/blocked_times.h"
#include "server/archiving/credentials.h"
#include "server/archiving/cron.h"
#include "server/archiving/open_source.h"
#include "server/archiving/profiles.h"
#include "server/archiving/run_record.h"
#include "server/archiving/run_service.h"
#include "server/people/audit.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::chrono::milliseconds kBetweenEvents{250};
constexpr std::chrono::seconds kHeartbeat{15};

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
Error no_profile() { return {ErrorCode::not_found, "there is no such profile"}; }
Error no_run() { return {ErrorCode::not_found, "there is no such run"}; }

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& one : texts) out.push_back(json::string(one));
  return out;
}

json::object view(const Profile& profile) {
  json::object schedule{{"every", nullptr}, {"cron", nullptr}, {"blocked", to_array(profile.schedule.blocked)}};
  if (profile.schedule.every) schedule["every"] = fmt::format("{}s", profile.schedule.every->count());
  const auto& after = profile.after_archiving;
  if (!profile.schedule.cron.empty()) schedule["cron"] = profile.schedule.cron;
  return {{"id", profile.id},
          {"name", profile.name},
          {"kind", profile.kind},
          {"credential", profile.credential},
          {"mailboxes", {{"include", profile.all_mailboxes ? json::value("all") : json::value(to_array(profile.include_mailboxes))},
                         {"exclude", to_array(profile.exclude_mailboxes)}}},
          {"folders", {{"include", to_array(profile.include_folders)}, {"exclude", to_array(profile.exclude_folders)},
                       {"with_defaults", profile.default_folder_exclusions}}},
          {"since", time_or_null(profile.since)},
          {"until", time_or_null(profile.until)},
          {"unread", profile.unread},
          {"recoverable_items", profile.recoverable_items},
          {"in_place_archives", profile.in_place_archives},
          {"after_archiving", {{"action", to_string(after.action)},
                               {"older_than", fmt::format("{}s", after.older_than.count())},
                               {"except_flagged", after.except_flagged},
                               {"move_to", after.move_to.empty() ? json::value(nullptr) : json::value(after.move_to)},
                               {"share_max", after.share_max}}},
          {"schedule", std::move(schedule)},
          {"paused", profile.paused},
          {"reconcile_every", profile.reconcile_every.count() > 0 ? json::value(fmt::format("{}s", profile.reconcile_every.count())) : json::value(nullptr)},
          {"parallel", profile.parallel}};
}

http::Response with_etag(int status, const Profile& profile) {
  auto response = json_answer(status, view(profile));
  response.headers.emplace_back("etag", '"' + std::to_string(profile.revision) + '"');
  return response;
}

// A section of the body as an object with only the fields it may have.
Result<json::object> section(const json::object& body, std::string_view name, std::initializer_list<std::string_view> allowed) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return json::object();
  if (!value->is_object()) return Error{ErrorCode::invalid, fmt::format("'{}' must be an object", name)};
  auto object = read_object(json::serialize(*value), allowed);
  if (!object) return object.error().with_context(fmt::format("'{}'", name));
  return object;
}

Result<std::optional<Time>> time_of(const json::object& body, std::string_view field, std::optional<Time> present) {
  if (!body.contains(field)) return present;
  auto text = optional_string(body, field);
  if (!text) return text.error();
  if (text->empty()) return std::optional<Time>();
  const auto time = parse_rfc3339(*text);
  if (!time) return Error{ErrorCode::invalid, fmt::format("'{}' is not a time; write 2026-11-24T00:00:00Z", field)};
  return time;
}

// "15m"; nullopt when it is no duration.
std::optional<std::chrono::seconds> duration_of(const std::string& text) {
  if (text.size() < 2 || text.size() > 10) return std::nullopt;
  const auto digits = text.substr(0, text.size() - 1);
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const auto unit = text.back() == 's' ? 1 : text.back() == 'm' ? 60 : text.back() == 'h' ? 3600 : text.back() == 'd' ? 86400 : 0;
  if (unit == 0) return std::nullopt;
  return std::chrono::seconds(std::stoll(digits) * unit);
}

Result<std::chrono::seconds> duration_in(const std::string& name, const std::string& text, std::chrono::seconds from, std::chrono::seconds to) {
  const auto found = duration_of(text);
  if (!found || *found < from || *found > to) {
    return Error{ErrorCode::invalid, fmt::format("'{}' must be a duration such as 30s, 5m, 6h or 1d, from {} s to {} days", name, from.count(), to.count() / 86400)};
  }
  return *found;
}

Result<void> read_mailboxes(const json::object& body, Profile& profile) {
  if (!body.contains("mailboxes")) return {};
  auto mailboxes = section(body, "mailboxes", {"include", "exclude"});
  if (!mailboxes) return mailboxes.error();
  const auto* include = mailboxes->if_contains("include");
  profile.all_mailboxes = include == nullptr || include->is_null() || (include->is_string() && include->get_string() == "all");
  profile.include_mailboxes.clear();
  if (!profile.all_mailboxes) {
    auto names = optional_strings(*mailboxes, "include", 10'000);
    if (!names) return Error{ErrorCode::invalid, "'mailboxes.include' must be \"all\" or a list of addresses"};
    if (names->empty()) return Error{ErrorCode::invalid, "'mailboxes.include' is empty: nothing would be archived; write \"all\" or addresses"};
    profile.include_mailboxes = *names;
  }
  auto exclude = optional_strings(*mailboxes, "exclude", 10'000);
  if (!exclude) return exclude.error();
  profile.exclude_mailboxes = *exclude;
  return {};
}

Result<void> read_folders(const json::object& body, Profile& profile) {
  if (!body.contains("folders")) return {};
  auto folders = section(body, "folders", {"include", "exclude", "with_defaults"});
  if (!folders) return folders.error();
  auto include = optional_strings(*folders, "include"), exclude = optional_strings(*folders, "exclude");
  auto defaults = optional_bool(*folders, "with_defaults", true);
  if (!include) return include.error();
  if (!exclude) return exclude.error();
  if (!defaults) return defaults.error();
  profile.include_folders = *include;
  profile.exclude_folders = *exclude;
  profile.default_folder_exclusions = *defaults;
  return {};
}

Result<void> read_schedule(const json::object& body, Profile& profile) {
  if (!body.contains("schedule")) return {};
  auto schedule = section(body, "schedule", {"every", "cron", "blocked"});
  if (!schedule) return schedule.error();
  auto every = optional_string(*schedule, "every"), cron = optional_string(*schedule, "cron");
  auto blocked = optional_strings(*schedule, "blocked", 100);
  if (!every) return every.error();
  if (!cron) return cron.error();
  if (!blocked) return blocked.error();
  if (auto parsed = BlockedTimes::parse(*blocked); !parsed) return parsed.error().with_context("'schedule.blocked'");
  if (!every->empty() && !cron->empty()) return Error{ErrorCode::invalid, "'schedule' takes every or cron, not both"};
  profile.schedule = {};
  profile.schedule.blocked = *blocked;
  if (!every->empty()) {
    auto seconds = duration_in("every", *every, std::chrono::seconds(10), std::chrono::hours(24 * 366));
    if (!seconds) return seconds.error();
    profile.schedule.every = *seconds;
  }
  if (!cron->empty()) {
    if (auto parsed = Cron::parse(*cron); !parsed) return parsed.error();
    profile.schedule.cron = *cron;
  }
  return {};
}

Result<void> read_after_archiving(const json::object& body, Profile& profile) {
  if (!body.contains("after_archiving")) return {};
  auto after = section(body, "after_archiving", {"action", "older_than", "except_flagged", "move_to", "share_max"});
  if (!after) return after.error();
  auto action = optional_string(*after, "action", "keep"), older_than = optional_string(*after, "older_than"), move_to = optional_string(*after, "move_to");
  auto except_flagged = optional_bool(*after, "except_flagged", true);
  if (!action) return action.error();
  if (!older_than) return older_than.error();
  if (!move_to) return move_to.error();
  if (!except_flagged) return except_flagged.error();
  AfterArchiving wanted;
  const auto known = parse_after_action(*action);
  if (!known) return Error{ErrorCode::invalid, "'after_archiving.action' is keep, delete or move"};
  wanted.action = *known;
  wanted.except_flagged = *except_flagged;
  wanted.move_to = *move_to;
  if (!older_than->empty()) {
    auto seconds = duration_in("after_archiving.older_than", *older_than, std::chrono::seconds(0), std::chrono::hours(24 * 366 * 50));
    if (!seconds) return seconds.error();
    wanted.older_than = *seconds;
  } else if (wanted.action != AfterArchiving::Action::keep) {
    return Error{ErrorCode::invalid, "'after_archiving.older_than' is missing: how old must mail be before it is removed at the source? (0s for all of it)"};
  }
  if (wanted.action == AfterArchiving::Action::move && wanted.move_to.empty()) return Error{ErrorCode::invalid, "'after_archiving.move_to' is missing: the folder to move to"};
  if (const auto* share = after->if_contains("share_max"); share != nullptr && !share->is_null()) {
    if (!share->is_int64() || share->get_int64() < 1 || share->get_int64() > 100) return Error{ErrorCode::invalid, "'after_archiving.share_max' is a percentage from 1 to 100"};
    wanted.share_max = static_cast<unsigned>(share->get_int64());
  }
  profile.after_archiving = wanted;
  return {};
}

Result<void> read_flags(const json::object& body, Profile& profile) {
  for (const auto& [name, value] : {std::pair("unread", &profile.unread), std::pair("recoverable_items", &profile.recoverable_items),
                                    std::pair("in_place_archives", &profile.in_place_archives), std::pair("paused", &profile.paused)}) {
    auto given = optional_bool(body, name, *value);
    if (!given) return given.error();
    *value = *given;
  }
  if (const auto* every = body.if_contains("reconcile_every"); every != nullptr) {
    if (every->is_null()) {
      profile.reconcile_every = {};
    } else {
      auto text = optional_string(body, "reconcile_every");
      if (!text) return text.error();
      auto seconds = duration_in("reconcile_every", *text, std::chrono::seconds(60), std::chrono::hours(24 * 366));
      if (!seconds) return seconds.error();
      profile.reconcile_every = *seconds;
    }
  }
  return {};
}

Result<void> read(const ApiCall& call, const json::object& body, Profile& profile) {
  auto name = optional_string(body, "name", profile.name, 200);
  auto credential = optional_string(body, "credential", profile.credential, 100);
  if (!name) return name.error();
  if (!credential) return credential.error();
  if (name->empty()) return Error{ErrorCode::invalid, "'name' is missing"};
  if (credential->empty()) return Error{ErrorCode::invalid, "'credential' is missing"};
  profile.name = *name;
  profile.credential = *credential;
  auto known = find_credential(call.tenant(), profile.credential);
  if (!known) return known.error();
  if (!*known) return Error{ErrorCode::invalid, "'credential' is not the id of a credential"};
  for (const auto& done : {read_mailboxes(body, profile), read_folders(body, profile), read_schedule(body, profile), read_after_archiving(body, profile), read_flags(body, profile)}) {
    if (!done) return done;
  }
  auto since = time_of(body, "since", profile.since), until = time_of(body, "until", profile.until);
  if (!since) return since.error();
  if (!until) return until.error();
  profile.since = *since;
  profile.until = *until;
  if (const auto* parallel = body.if_contains("parallel"); parallel != nullptr && !parallel->is_null()) {
    if (!parallel->is_int64() || parallel->get_int64() < 1 || parallel->get_int64() > 16) return Error{ErrorCode::invalid, "'parallel' must be a number from 1 to 16"};
    profile.parallel = static_cast<std::size_t>(parallel->get_int64());
  }
  return {};
}

Result<json::object> read_body(const ApiCall& call) {
  return read_object(call.request.body, {"name", "kind", "credential", "mailboxes", "folders", "since", "until", "unread", "recoverable_items",
                                         "in_place_archives", "after_archiving", "schedule", "paused", "reconcile_every", "parallel"});
}

http::Response list(const ApiCall& call) {
  auto profiles = call.services.runs.profiles(call.tenant());
  if (!profiles) return fail(call, profiles.error());
  json::array items;
  for (const auto& profile : *profiles) items.push_back(view(profile));
  return collection(std::move(items), "");
}

http::Response create(const ApiCall& call) {
  auto body = read_body(call);
  if (!body) return fail(call, body.error());
  auto kind = required_string(*body, "kind");
  if (!kind) return fail(call, kind.error());
  if (!is_profile_kind(*kind)) return fail(call, {ErrorCode::invalid, "profiles of kind '" + kind->substr(0, 50) + "' are not available in this version; graph, ews, ews_journal and ews_public_folders are"});
  Profile profile;
  profile.kind = *kind;
  if (auto done = read(call, *body, profile); !done) return fail(call, done.error());
  if (auto kept = note(call, "profile.create", profile.name); !kept) return fail(call, kept.error());
  auto made = call.services.runs.create_profile(call.tenant(), std::move(profile));
  return made ? with_etag(201, *made) : fail(call, made.error());
}

Result<Profile> find(const ApiCall& call) {
  auto profile = call.services.runs.profile(call.tenant(), call.captures.front());
  if (!profile) return profile.error();
  if (!*profile) return no_profile();
  return **std::move(profile);
}

http::Response show(const ApiCall& call) {
  auto profile = find(call);
  return profile ? with_etag(200, *profile) : fail(call, profile.error());
}

http::Response change(const ApiCall& call) {
  auto profile = find(call);
  if (!profile) return fail(call, profile.error());
  auto body = read_body(call);
  if (!body) return fail(call, body.error());
  if (body->contains("kind")) return fail(call, {ErrorCode::invalid, "the kind of a profile cannot be changed; make another profile"});
  if (auto done = read(call, *body, *profile); !done) return fail(call, done.error());
  auto revision = if_match(call.request);
  if (!revision) return fail(call, revision.error());
  if (*revision) profile->revision = **revision;
  if (auto kept = note(call, "profile.change", profile->id); !kept) return fail(call, kept.error());
  auto kept = call.services.runs.update_profile(call.tenant(), *profile);
  return kept ? with_etag(200, *kept) : fail(call, kept.error());
}

http::Response remove(const ApiCall& call) {
  auto profile = find(call);
  if (!profile) return fail(call, profile.error());
  if (auto kept = note(call, "profile.remove", profile->id); !kept) return fail(call, kept.error());
  if (auto done = call.services.runs.remove_profile(call.tenant(), profile->id); !done) return fail(call, done.error());
  http::Response response;
  response.status = 204;
  return response;
}

http::Response runs(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  if (auto profile = find(call); !profile) return fail(call, profile.error());
  auto found = call.services.runs.runs(call.tenant(), call.captures.front(), page->limit);
  if (!found) return fail(call, found.error());
  json::array items;
  for (const auto& run : *found) items.push_back(run_view(run));
  return collection(std::move(items), "");
}

http::Response start(const ApiCall& call) {
  auto body = read_object(call.request.body, {"reconcile"});
  if (!body) return fail(call, body.error());
  auto compare = optional_bool(*body, "reconcile", false);
  if (!compare) return fail(call, compare.error());
  if (auto profile = find(call); !profile) return fail(call, profile.error());
  if (auto kept = note(call, "profile.run", call.captures.front()); !kept) return fail(call, kept.error());
  auto run = call.services.runs.start(call.caller.tenant, call.captures.front(), {.reconcile = *compare});
  return run ? json_answer(202, run_view(*run)) : fail(call, run.error());
}

http::Response show_run(const ApiCall& call) {
  auto run = call.services.runs.run(call.tenant(), call.captures.front());
  if (!run) return fail(call, run.error());
  return *run ? json_answer(200, run_view(**run)) : fail(call, no_run());
}

http::Response cancel(const ApiCall& call) {
  if (auto kept = note(call, "run.cancel", call.captures.front()); !kept) return fail(call, kept.error());
  if (auto done = call.services.runs.cancel(call.tenant(), call.captures.front()); !done) return fail(call, done.error());
  auto run = call.services.runs.run(call.tenant(), call.captures.front());
  if (!run) return fail(call, run.error());
  return *run ? json_answer(202, run_view(**run)) : fail(call, no_run());
}

// Pausing and going on answer as cancelling does: the run as it is now, which changes when it has come to a safe point.
http::Response steer(const ApiCall& call, std::string action, Result<void> (RunService::*act)(Tenant&, const std::string&)) {
  if (auto kept = note(call, std::move(action), call.captures.front()); !kept) return fail(call, kept.error());
  if (auto done = (call.services.runs.*act)(call.tenant(), call.captures.front()); !done) return fail(call, done.error());
  auto run = call.services.runs.run(call.tenant(), call.captures.front());
  if (!run) return fail(call, run.error());
  return *run ? json_answer(202, run_view(**run)) : fail(call, no_run());
}

// What would be removed at the source of one mailbox. Administrators see folders and times, and no mail.
http::Response preview(const ApiCall& call) {
  auto body = read_object(call.request.body, {"mailbox"});
  if (!body) return fail(call, body.error());
  auto mailbox = required_string(*body, "mailbox", 300);
  if (!mailbox) return fail(call, mailbox.error());
  if (auto profile = find(call); !profile) return fail(call, profile.error());
  auto plan = call.services.runs.preview(call.tenant(), call.captures.front(), *mailbox, {});
  if (!plan) return fail(call, plan.error());
  constexpr std::size_t kShown = 1000;
  json::array items, gaps;
  for (std::size_t i = 0; i < std::min(plan->items.size(), kShown); ++i) {
    const auto& item = plan->items[i];
    items.push_back({{"item", item.id}, {"folder", item.folder}, {"received", format_rfc3339(item.received)}});
  }
  for (const auto& gap : plan->gaps) gaps.push_back({{"folder", gap.folder}, {"reason", gap.reason}});
  return json_answer(200, json::object{{"mailbox", *mailbox}, {"listed", plan->listed}, {"would_go", plan->would_go}, {"share", plan->share()}, {"stopped", plan->stopped},
                                       {"too_young", plan->too_young}, {"flagged", plan->flagged}, {"not_archived", plan->not_archived},
                                       {"items", std::move(items)}, {"gaps", std::move(gaps)}});
}

// Server-sent events: the whole run with each change, at most four a second, until it is over.
class RunEvents {
 public:
  RunEvents(std::shared_ptr<Tenant> tenant, RunService& runs, Clock& clock, std::string id)
      : tenant_(std::move(tenant)), runs_(runs), clock_(clock), id_(std::move(id)) {}

  std::optional<std::string> operator()(std::stop_token stop) {
    if (over_) return std::nullopt;
    const auto since = clock_.uptime() - sent_at_;
    if (begun_ && since < kBetweenEvents) clock_.wait_for(std::chrono::ceil<std::chrono::milliseconds>(kBetweenEvents - since), stop);
    auto run = runs_.wait_for_change(*tenant_, id_, begun_ ? revision_ : 0, begun_ ? std::chrono::milliseconds(1000) : std::chrono::milliseconds(0), stop);
    if (!run || stop.stop_requested()) return std::nullopt;
    over_ = run->state != RunState::queued && run->state != RunState::running;
    if (begun_ && !over_ && run->revision == revision_) {
      if (clock_.uptime() - sent_at_ < kHeartbeat) return std::string();
      sent_at_ = clock_.uptime();
      return ": still here\n\n";
    }
    begun_ = true;
    revision_ = run->revision;
    sent_at_ = clock_.uptime();
    return "event: run\ndata: " + json::serialize(run_view(*run)) + "\n\n";
  }

 private:
  const std::shared_ptr<Tenant> tenant_;
  RunService& runs_;
  Clock& clock_;
  const std::string id_;
  std::uint64_t revision_ = 0;
  std::chrono::nanoseconds sent_at_{0};
  bool begun_ = false, over_ = false;
};

http::Response events(const ApiCall& call) {
  auto run = call.services.runs.run(call.tenant(), call.captures.front());
  if (!run) return fail(call, run.error());
  if (!*run) return fail(call, no_run());
  http::Response response;
  response.headers = {{"content-type", "text/event-stream"}};
  auto events = std::make_shared<RunEvents>(call.caller.tenant, call.services.runs, call.services.clock, call.captures.front());
  response.stream = [events](std::stop_token stop) { return (*events)(stop); };
  return response;
}

}  // namespace

void add_profile_routes(Api& api) {
  const std::string tenant = "/api/v1/tenants/{t}", profiles = tenant + "/profiles", run = tenant + "/runs/{r}";
  api.add({"GET", profiles, Need::auditor, list});
  api.add({"POST", profiles, Need::administrator, create});
  api.add({"GET", profiles + "/{p}", Need::auditor, show});
  api.add({"PATCH", profiles + "/{p}", Need::administrator, change});
  api.add({"DELETE", profiles + "/{p}", Need::administrator, remove});
  api.add({"GET", profiles + "/{p}/runs", Need::auditor, runs});
  api.add({"POST", profiles + "/{p}/runs", Need::administrator, start});
  api.add({"GET", run, Need::auditor, show_run});
  api.add({"GET", run + "/events", Need::auditor, events});
  api.add({"POST", run + "/cancel", Need::administrator, cancel});
  api.add({"POST", run + "/pause", Need::administrator, [](const ApiCall& call) { return steer(call, "run.pause", &RunService::pause); }});
  api.add({"POST", run + "/resume", Need::administrator, [](const ApiCall& call) { return steer(call, "run.resume", &RunService::go_on); }});
  api.add({"POST", profiles + "/{p}/preview", Need::administrator, preview});
}

}  // namespace kopial
