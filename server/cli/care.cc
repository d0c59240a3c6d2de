// Erasing, scrubbing, backups and restores.
#include <fmt/format.h>

#include <memory>

#include "server/cli/command.h"
#include "storage/base/clock.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

using Strings = std::vector<std::string>;
constexpr std::chrono::milliseconds kBetweenLooks{300};

std::uint64_t count(const json::value& object, std::string_view name) { return static_cast<std::uint64_t>(number(object, name)); }

// `act` with the client and the path of the tenant's `rest`.
Result<json::value> ask(const Context& context, std::string_view rest, const std::function<Result<json::value>(const Client&, const std::string&)>& act) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  return act(*client, of_tenant(*tenant, rest));
}
Result<json::value> get(const Context& context, std::string_view rest) {
  return ask(context, rest, [](const Client& client, const std::string& path) { return client.get(path); });
}
Result<json::value> post(const Context& context, std::string_view rest, const json::value& body = json::object()) {
  return ask(context, rest, [&](const Client& client, const std::string& path) { return client.post(path, body); });
}

int exit_of(const json::value& job) {
  const auto state = field(job, "state");
  if (state == "failed" || state == "cancelled") return kFailed;
  return state == "succeeded_with_findings" ? kFindings : kDone;
}

void show_job(const json::value& job) {
  fmt::print("{}: {}{}\n", field(job, "kind"), field(job, "state"), field(job, "text").empty() ? "" : ": " + field(job, "text"));
  if (const auto error = field(job, "error"); !error.empty()) fmt::print("{}\n", error);
  for (const auto& finding : list(job, "findings")) fmt::print("  {}\n", std::string(finding.as_string()));
}

// Waits for the job that was just started.
Result<int> follow(const Context& context, const Client& client, const std::string& path, const std::string& kind, json::value job, bool wait) {
  ProgressBar bar;
  const auto queued_at = field(job, "queued_at");
  while (wait && (field(job, "state") == "queued" || field(job, "state") == "running")) {
    bar.show(count(job, "bytes"), count(job, "bytes_total"), fmt::format("{} {}", kind, bytes_text(count(job, "bytes"))));
    (void)system_clock().wait_for(kBetweenLooks, {});
    auto jobs = client.get(path);
    if (!jobs) return jobs.error();
    for (const auto& one : list(*jobs, "items")) {
      if (field(one, "kind") == kind && field(one, "queued_at") >= queued_at) job = one;
    }
  }
  bar.clear();
  if (auto shown = print(context, job, show_job); !shown) return shown;
  return wait ? exit_of(job) : kDone;
}

Result<int> start(Context& context, std::string_view rest, const std::string& kind, const json::value& body, bool wait) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  auto job = client->post(of_tenant(*tenant, rest), body);
  if (!job) return job.error();
  return follow(context, *client, of_tenant(*tenant, "care/jobs"), kind, *std::move(job), wait);
}

void show_erasure(const json::value& erasure) {
  fmt::print("{}: {} messages, {}: {}\n", field(erasure, "id"), list(erasure, "messages").size(), field(erasure, "state"), field(erasure, "reason"));
  if (const auto error = field(erasure, "error"); !error.empty()) fmt::print("{}\n", error);
}

void add_erase(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("erase", "Erase messages for good: ask, then confirm")->require_subcommand(1);
  struct Options {
    Strings messages;
    std::string reason, id;
  };
  auto options = std::make_shared<Options>();
  auto* request = command(*group, context, "request", "Ask for messages to be erased", [&context, options]() -> Result<int> {
    json::array messages;
    for (const auto& one : options->messages) messages.push_back(json::string(one));
    return print(context, post(context, "erasures", json::object{{"messages", std::move(messages)}, {"reason", options->reason}}), [](const json::value& answer) {
      show_erasure(answer);
      fmt::print("Nothing is erased yet: kopial erase confirm {}\n", field(answer, "id"));
    });
  });
  request->add_option("messages", options->messages, "Ids of messages")->required();
  request->add_option("--reason", options->reason, "Why; it stays on record")->required();
  add_tenant_option(*request, context);
  auto* confirm = command(*group, context, "confirm", "Erase what was asked for; nothing brings it back", [&context, options] {
    return print(context, post(context, "erasures/" + options->id + "/confirm"), show_erasure);
  });
  confirm->add_option("erasure", options->id, "Its id")->required();
  add_tenant_option(*confirm, context);
  auto* listed = command(*group, context, "list", "Erasures, and how they stand", [&context] {
    return print(context, get(context, "erasures"), [](const json::value& answer) {
      Table table({"ID", "STATE", "MESSAGES", "BY", "CONFIRMED BY", "REASON"});
      table.align_right(2);
      for (const auto& one : list(answer, "items")) {
        table.add({field(one, "id"), field(one, "state"), fmt::to_string(list(one, "messages").size()), field(one, "requested_by"), field(one, "confirmed_by"), field(one, "reason")});
      }
      table.print();
    });
  });
  add_tenant_option(*listed, context);
}

int show_scrub(const json::value& scrub) {
  fmt::print("Last full pass  {}\nThis pass       {}\n", field(scrub, "last_complete_at").empty() ? "never" : time_text(field(scrub, "last_complete_at")) + " UTC",
             field(scrub.at("job"), "state"));
  fmt::print("Files read      {} ({})\nCopies rebuilt  {} ({})\nDamaged         {}\n", count(scrub, "files"), bytes_text(count(scrub, "file_bytes")), count(scrub, "copies"),
             bytes_text(count(scrub, "copy_bytes")), count(scrub, "damaged"));
  if (list(scrub, "findings").empty()) return kDone;
  Table table({"MESSAGE", "OBJECT", "PROBLEM"});
  for (const auto& one : list(scrub, "findings")) table.add({field(one, "message_id"), field(one, "object"), field(one, "problem")});
  table.print();
  return kFindings;
}

void add_scrub(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("scrub", "Read every byte of the archive, and mend what is damaged")->require_subcommand(1);
  struct Options {
    bool wait = false;
    std::uint64_t bytes_per_second = 0;
  };
  auto options = std::make_shared<Options>();
  auto* status = command(*group, context, "status", "How the last pass went, and the one under way", [&context]() -> Result<int> {
    int code = kDone;
    auto shown = print(context, get(context, "scrub"), [&](const json::value& answer) { code = show_scrub(answer); });
    return shown ? Result<int>(code) : shown;
  });
  add_tenant_option(*status, context);
  auto* begun = command(*group, context, "start", "Begin a pass, or go on with one that was stopped", [&context, options] {
    json::object body;
    if (options->bytes_per_second > 0) body["bytes_per_second"] = options->bytes_per_second;
    return start(context, "scrub", "scrub", body, options->wait);
  });
  begun->add_flag("--wait", options->wait, "Until it is through");
  begun->add_option("--bytes-per-second", options->bytes_per_second, "Another speed than the configured one");
  add_tenant_option(*begun, context);
  auto* stop = command(*group, context, "stop", "Stop the pass; the next start goes on with it", [&context] {
    return print(context, ask(context, "scrub", [](const Client& client, const std::string& path) { return client.remove(path); }), [](const json::value&) {});
  });
  add_tenant_option(*stop, context);
  auto* repair = command(*group, context, "repair", "Mend damaged files from the backups", [&context] {
    return start(context, "scrub/repair", "repair", json::object(), true);
  });
  add_tenant_option(*repair, context);
}

void add_backup(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("backup", "Backups of a tenant, and proof that they can be restored")->require_subcommand(1);
  struct Options {
    bool wait = true, no_wait = false;
    std::string id = "latest";
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Back up what is new", [&context, options] { return start(context, "backups", "backup", json::object(), !options->no_wait); });
  made->add_flag("--no-wait", options->no_wait, "Only start it");
  add_tenant_option(*made, context);
  auto* listed = command(*group, context, "list", "Complete backups, newest first", [&context] {
    return print(context, get(context, "backups"), [](const json::value& answer) {
      Table table({"ID", "TAKEN", "MESSAGES", "SIZE", "NEW"});
      for (const std::size_t column : {2, 3, 4}) table.align_right(column);
      for (const auto& one : list(answer, "items")) {
        table.add({field(one, "id"), time_text(field(one, "taken_at")), field(one, "messages"), bytes_text(count(one, "bytes")), bytes_text(count(one, "new_bytes"))});
      }
      table.print();
    });
  });
  add_tenant_option(*listed, context);
  auto* drill = command(*group, context, "drill", "Restore a backup elsewhere, compare everything, remove it again", [&context, options] {
    return start(context, "backups/" + options->id + "/drill", "drill", json::object(), !options->no_wait);
  });
  drill->add_option("backup", options->id, "Its id; the newest when left out");
  drill->add_flag("--no-wait", options->no_wait, "Only start it");
  add_tenant_option(*drill, context);
  auto* jobs = command(*group, context, "jobs", "The last backup, drill, compaction and scrub", [&context] {
    return print(context, get(context, "care/jobs"), [](const json::value& answer) {
      Table table({"KIND", "STATE", "STARTED", "ENDED", "RESULT"});
      for (const auto& one : list(answer, "items")) {
        table.add({field(one, "kind"), field(one, "state"), time_text(field(one, "started_at")), time_text(field(one, "ended_at")),
                   field(one, "error").empty() ? field(one, "text") : field(one, "error")});
      }
      table.print();
    });
  });
  add_tenant_option(*jobs, context);
}

void add_restore(CLI::App& app, Context& context) {
  struct Options {
    std::string backup;
    bool no_wait = false;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(app, context, "restore", "Put a tenant's backup in the place of its archive (for system administrators)", [&context, options]() -> Result<int> {
    auto tenant = context.tenant();
    if (!tenant) return tenant.error();
    auto client = context.client();
    if (!client) return client.error();
    json::object body{{"tenant", *tenant}};
    if (!options->backup.empty()) body["backup"] = options->backup;
    auto job = client->post("/api/v1/system/restores", body);
    if (!job) return job.error();
    return follow(context, *client, "/api/v1/system/restores/" + *tenant, "restore", *std::move(job), !options->no_wait);
  });
  made->add_option("--backup", options->backup, "Its id; the newest when left out");
  made->add_flag("--no-wait", options->no_wait, "Only start it");
  add_tenant_option(*made, context);
}

}  // namespace

void add_care(CLI::App& app, Context& context) {
  add_erase(app, context);
  add_scrub(app, context);
  add_backup(app, context);
  add_restore(app, context);
}

}  // namespace kopial::cli
