// Profiles and their runs.
#include <fmt/format.h>

#include <memory>

#include "server/cli/command.h"
#include "storage/base/clock.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{300};

struct Where {
  Client client;
  std::string tenant;
};

Result<Where> where(const Context& context) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  return Where{*std::move(client), *tenant};
}

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

Result<int> run_profile(Context& context, const std::string& profile, bool wait) {
  auto at = where(context);
  if (!at) return at.error();
  auto run = at->client.post(of_tenant(at->tenant, "profiles/" + profile + "/runs"), json::object());
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
  std::string name, credential, every, cron;
  std::vector<std::string> mailboxes, exclude;
  int parallel = 4;
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
  const json::object body{{"name", wanted.name},
                          {"kind", "graph"},
                          {"credential", wanted.credential},
                          {"mailboxes", {{"include", wanted.mailboxes.empty() ? json::value("all") : json::value(to_array(wanted.mailboxes))}, {"exclude", to_array(wanted.exclude)}}},
                          {"schedule", std::move(schedule)},
                          {"parallel", wanted.parallel}};
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
  create->add_option("--parallel", wanted->parallel, "Mailboxes at once")->check(CLI::Range(1, 16))->capture_default_str();

  auto profile = std::make_shared<std::string>();
  auto no_wait = std::make_shared<bool>(false);
  auto* run = command(*group, context, "run", "Run a profile and follow it; exit code 3 when something should be looked at",
                      [&context, profile, no_wait] { return run_profile(context, *profile, !*no_wait); });
  add_tenant_option(*run, context);
  run->add_option("profile", *profile, "The profile's id")->required();
  run->add_flag("--no-wait", *no_wait, "Only start it");

  auto* status = command(*group, context, "status", "Show a profile's last run", [&context, profile] { return show_status(context, *profile); });
  add_tenant_option(*status, context);
  status->add_option("profile", *profile, "The profile's id")->required();
}

}  // namespace kopial::cli
