// Profiles, their runs, and runs as they go on.
#include <fmt/format.h>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/archiving/credentials.h"
#include "server/archiving/cron.h"
#include "server/archiving/open_source.h"
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
  json::object schedule{{"every", nullptr}, {"cron", nullptr}};
  if (profile.schedule.every) schedule["every"] = fmt::format("{}s", profile.schedule.every->count());
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
          {"schedule", std::move(schedule)},
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

Result<std::chrono::seconds> duration_of(const std::string& text) {
  const Error wrong{ErrorCode::invalid, "'every' must be a duration such as 30s, 5m, 6h or 1d, and at least 10s"};
  if (text.size() < 2 || text.size() > 10) return wrong;
  const auto digits = text.substr(0, text.size() - 1);
  if (digits.find_first_not_of("0123456789") != std::string::npos) return wrong;
  const auto unit = text.back() == 's' ? 1 : text.back() == 'm' ? 60 : text.back() == 'h' ? 3600 : text.back() == 'd' ? 86400 : 0;
  const std::chrono::seconds seconds(std::stoll(digits) * unit);
  if (unit == 0 || seconds < std::chrono::seconds(10) || seconds > std::chrono::hours(24 * 366)) return wrong;
  return seconds;
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
  auto blocked = optional_strings(*schedule, "blocked");
  if (!every) return every.error();
  if (!cron) return cron.error();
  if (!blocked || !blocked->empty()) return Error{ErrorCode::invalid, "'schedule.blocked' is not available in this version; leave it out"};
  if (!every->empty() && !cron->empty()) return Error{ErrorCode::invalid, "'schedule' takes every or cron, not both"};
  profile.schedule = {};
  if (!every->empty()) {
    auto seconds = duration_of(*every);
    if (!seconds) return seconds.error();
    profile.schedule.every = *seconds;
  }
  if (!cron->empty()) {
    if (auto parsed = Cron::parse(*cron); !parsed) return parsed.error();
    profile.schedule.cron = *cron;
  }
  return {};
}

// What this version cannot do is refused; a promise that is quietly not kept would be found out too late.
Result<void> read_unavailable(const json::object& body) {
  auto after = section(body, "after_archiving", {"action", "older_than", "except_flagged"});
  if (!after) return after.error();
  auto action = optional_string(*after, "action", "keep");
  if (!action) return action.error();
  if (*action != "keep") return Error{ErrorCode::invalid, "'after_archiving.action' can only be keep in this version"};
  auto unread = optional_bool(body, "unread", true);
  if (!unread) return unread.error();
  if (!*unread) return Error{ErrorCode::invalid, "'unread' can only be true in this version: unread mail is archived, too"};
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
  for (const auto& done : {read_mailboxes(body, profile), read_folders(body, profile), read_schedule(body, profile), read_unavailable(body)}) {
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
  return read_object(call.request.body, {"name", "kind", "credential", "mailboxes", "folders", "since", "until", "unread", "after_archiving", "schedule", "parallel"});
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
  if (auto body = read_object(call.request.body, {}); !body) return fail(call, body.error());
  if (auto profile = find(call); !profile) return fail(call, profile.error());
  if (auto kept = note(call, "profile.run", call.captures.front()); !kept) return fail(call, kept.error());
  auto run = call.services.runs.start(call.caller.tenant, call.captures.front());
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
}

}  // namespace kopial
