// Profiles and their runs.
#include <fmt/format.h>

#include <memory>

#include "server/cli/command.h"
#include "storage/base/clock.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{300};

bool is_over(const json::value& run) {
  const auto state = field(run, "state");
  return state != "queued" && state != "running";
}

struct Sums {
  std::uint64_t expected = 0, seen = 0, archived = 0, bytes = 0;
  double rate = 0;
};

Sums sums_of(const json::value& run) {
  Sums sums;
  for (const auto& mailbox : list(run, "mailboxes")) {
    const auto seen = static_cast<std::uint64_t>(number(mailbox, "seen"));
    sums.seen += seen;
    sums.expected += std::max(seen, static_cast<std::uint64_t>(number(mailbox, "expected")));
    sums.archived += static_cast<std::uint64_t>(number(mailbox, "archived"));
    sums.bytes += static_cast<std::uint64_t>(number(mailbox, "bytes"));
    if (const auto* rate = mailbox.as_object().if_contains("rate"); rate != nullptr && rate->is_number()) sums.rate += rate->to_number<double>();
  }
  return sums;
}

void show_run(const json::value& run) {
  Table table({"MAILBOX", "STATE", "SEEN", "NEW", "THERE", "GONE", "FAILED", "SIZE", "REMARK"});
  for (const std::size_t column : {2, 3, 4, 5, 6, 7}) table.align_right(column);
  for (const auto& one : list(run, "mailboxes")) {
    auto remark = field(one, "error");
    for (const auto& finding : list(one, "findings")) remark += (remark.empty() ? "" : "; ") + std::string(finding.as_string());
    table.add({field(one, "upn"), field(one, "state"), field(one, "seen"), field(one, "archived"), field(one, "already_archived"), field(one, "vanished"),
               field(one, "failed"), bytes_text(static_cast<std::uint64_t>(number(one, "bytes"))), remark});
  }
  table.print();
  const auto sums = sums_of(run);
  fmt::print("{}: {} messages archived, {}\n", field(run, "state"), sums.archived, bytes_text(sums.bytes));
  if (const auto error = field(run, "error"); !error.empty()) fmt::print("{}\n", error);
}

int exit_of(const json::value& run) {
  const auto state = field(run, "state");
  if (state == "succeeded") return kDone;
  return state == "succeeded_with_findings" ? kFindings : kFailed;
}

Result<int> run_profile(Context& context, const std::string& profile, bool wait, bool reconcile) {
  auto at = where(context);
  if (!at) return at.error();
  auto run = at->client.post(of_tenant(at->tenant, "profiles/" + profile + "/runs"), reconcile ? json::object{{"reconcile", true}} : json::object());
  if (!run) return run.error();
  const auto path = of_tenant(at->tenant, "runs/" + field(*run, "id"));
  ProgressBar bar;
  while (wait && !is_over(*run)) {
    const auto sums = sums_of(*run);
    bar.show(sums.seen, sums.expected, fmt::format("{} of {} messages, {}, {:.0f}/s", sums.seen, sums.expected, bytes_text(sums.bytes), sums.rate));
    (void)system_clock().wait_for(kBetweenLooks, {});
    run = at->client.get(path);
    if (!run) return run.error();
  }
  bar.clear();
  if (auto shown = print(context, *run, show_run); !shown) return shown;
  return wait ? exit_of(*run) : kDone;
}

Result<int> show_status(Context& context, const std::string& profile) {
  auto at = where(context);
  if (!at) return at.error();
  auto runs = at->client.get(of_tenant(at->tenant, "profiles/" + profile + "/runs"), {{"limit", "1"}});
  if (!runs) return runs.error();
  if (list(*runs, "items").empty()) return Error{ErrorCode::not_found, "profile " + profile + " never ran; kopial profile run " + profile};
  return print(context, list(*runs, "items").front(), show_run);
}

std::string schedule_text(const json::value& profile) {
  const auto& schedule = profile.at("schedule");
  if (const auto every = field(schedule, "every"); !every.empty()) return "every " + every;
  const auto cron = field(schedule, "cron");
  return cron.empty() ? "by hand" : cron;
}

Result<int> list_profiles(Context& context) {
  auto at = where(context);
  if (!at) return at.error();
  return print(context, at->client.get(of_tenant(at->tenant, "profiles")), [](const json::value& answer) {
    Table table({"ID", "KIND", "SCHEDULE", "MAILBOXES", "NAME"});
    for (const auto& one : list(answer, "items")) {
      const auto& include = one.at("mailboxes").at("include");
      table.add({field(one, "id"), field(one, "kind"), schedule_text(one), include.is_string() ? "all" : std::to_string(include.as_array().size()), field(one, "name")});
    }
    table.print();
  });
}

struct NewProfile {
  std::string name, credential, every, cron, since, until, after = "keep", older_than, move_to, reconcile_every;
  std::vector<std::string> mailboxes, exclude, folders, exclude_folders, blocked;
  bool all_folders = false, not_unread = false, recoverable = false, in_place = false, flagged_too = false;
  int parallel = 4, share_max = 50;
};

Result<int> create_profile(Context& context, const NewProfile& wanted) {
  auto at = where(context);
  if (!at) return at.error();
  const auto to_array = [](const std::vector<std::string>& texts) {
    json::array out;
    for (const auto& one : texts) out.push_back(json::string(one));
    return out;
  };
  json::object schedule;
  if (!wanted.every.empty()) schedule["every"] = wanted.every;
  if (!wanted.cron.empty()) schedule["cron"] = wanted.cron;
  schedule["blocked"] = to_array(wanted.blocked);
  json::object body{{"name", wanted.name},
                          {"kind", "graph"},
                          {"credential", wanted.credential},
                          {"mailboxes", {{"include", wanted.mailboxes.empty() ? json::value("all") : json::value(to_array(wanted.mailboxes))}, {"exclude", to_array(wanted.exclude)}}},
                          {"schedule", std::move(schedule)},
                          {"folders", {{"include", to_array(wanted.folders)}, {"exclude", to_array(wanted.exclude_folders)}, {"with_defaults", !wanted.all_folders}}},
                          {"unread", !wanted.not_unread},
                          {"recoverable_items", wanted.recoverable},
                          {"in_place_archives", wanted.in_place},
                          {"parallel", wanted.parallel}};
  json::object after{{"action", wanted.after}, {"except_flagged", !wanted.flagged_too}, {"share_max", wanted.share_max}};
  if (!wanted.older_than.empty()) after["older_than"] = wanted.older_than;
  if (!wanted.move_to.empty()) after["move_to"] = wanted.move_to;
  body["after_archiving"] = std::move(after);
  if (!wanted.since.empty()) body["since"] = wanted.since;
  if (!wanted.until.empty()) body["until"] = wanted.until;
  if (!wanted.reconcile_every.empty()) body["reconcile_every"] = wanted.reconcile_every;
  return print(context, at->client.post(of_tenant(at->tenant, "profiles"), body), [](const json::value& answer) {
    fmt::print("Profile {id} is made: kopial profile run {id}\n", fmt::arg("id", field(answer, "id")));
  });
}

}  // namespace

void add_runs(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("profile", "What is archived from where, and when")->require_subcommand(1);
  add_tenant_option(*command(*group, context, "list", "List profiles", [&context] { return list_profiles(context); }), context);

  auto wanted = std::make_shared<NewProfile>();
  auto* create = command(*group, context, "create", "Make a profile for Microsoft 365", [&context, wanted] { return create_profile(context, *wanted); });
  add_tenant_option(*create, context);
  create->add_option("name", wanted->name)->required();
  create->add_option("--credential", wanted->credential, "A credential's id")->required();
  create->add_option("--mailbox", wanted->mailboxes, "Only this one; may be given again; left out: all");
  create->add_option("--exclude", wanted->exclude, "Not this mailbox; may be given again");
  create->add_option("--every", wanted->every, "Such as 15m or 6h");
  create->add_option("--cron", wanted->cron, "Five fields, in UTC");
  create->add_option("--blocked", wanted->blocked, "When no run works, such as 'mon-fri 08:00-18:00' (UTC); may be given again");
  create->add_option("--folder", wanted->folders, "Only this folder and what is below it; may be given again");
  create->add_option("--exclude-folder", wanted->exclude_folders, "Not this folder; may be given again");
  create->add_flag("--all-folders", wanted->all_folders, "Also Junk, Drafts, Outbox, Deleted Items and the sync folders");
  create->add_option("--since", wanted->since, "Only mail received since then, such as 2026-01-01T00:00:00Z");
  create->add_option("--until", wanted->until, "Only mail received before then");
  create->add_flag("--not-unread", wanted->not_unread, "Take mail once it has been read");
  create->add_flag("--recoverable-items", wanted->recoverable, "Also what was deleted and Exchange still keeps");
  create->add_flag("--in-place-archives", wanted->in_place, "Also the archive mailboxes beside the mailboxes");
  create->add_option("--after", wanted->after, "What happens at the source to archived mail")->check(CLI::IsMember({"keep", "delete", "move"}))->capture_default_str();
  create->add_option("--older-than", wanted->older_than, "Of mail older than this, such as 90d");
  create->add_option("--move-to", wanted->move_to, "The folder for --after move");
  create->add_flag("--flagged-too", wanted->flagged_too, "Also mail that is marked for follow-up");
  create->add_option("--share-max", wanted->share_max, "Nothing goes when more than this percentage of a mailbox would")->check(CLI::Range(1, 100))->capture_default_str();
  create->add_option("--reconcile-every", wanted->reconcile_every, "How often the whole listing is compared, such as 1d; left out: 7d");
  create->add_option("--parallel", wanted->parallel, "Mailboxes at once")->check(CLI::Range(1, 16))->capture_default_str();

  auto profile = std::make_shared<std::string>();
  auto no_wait = std::make_shared<bool>(false), reconcile = std::make_shared<bool>(false);
  auto* run = command(*group, context, "run", "Run a profile and follow it; exit code 3 when something should be looked at",
                      [&context, profile, no_wait, reconcile] { return run_profile(context, *profile, !*no_wait, *reconcile); });
  add_tenant_option(*run, context);
  run->add_option("profile", *profile, "The profile's id")->required();
  run->add_flag("--no-wait", *no_wait, "Only start it");
  run->add_flag("--reconcile", *reconcile, "Compare with the source's whole listing, and state what came of it");

  auto* status = command(*group, context, "status", "Show a profile's last run", [&context, profile] { return show_status(context, *profile); });
  add_tenant_option(*status, context);
  status->add_option("profile", *profile, "The profile's id")->required();
}

}  // namespace kopial::cli
