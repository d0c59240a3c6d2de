// Trying credentials, what a profile would remove at the source, completeness, and mail back into a mailbox.
#include <fmt/format.h>

#include <memory>

#include "server/cli/command.h"
#include "storage/base/clock.h"
#include "storage/base/files.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{300};

Result<int> check(Context& context, const std::string& id, const std::string& mailbox) {
  auto at = where(context);
  if (!at) return at.error();
  json::object body;
  if (!mailbox.empty()) body["mailbox"] = mailbox;
  auto answer = at->client.post(of_tenant(at->tenant, "credentials/" + id + "/check"), body);
  auto shown = print(context, answer, [](const json::value& found) {
    if (const auto name = field(found, "organisation"); !name.empty()) fmt::print("{}\n", name);
    for (const auto& step : list(found, "steps")) {
      fmt::print("{:<8} {:<17} {}\n", field(step, "state"), field(step, "name"), field(step, "detail"));
      if (const auto mend = field(step, "mend"); !mend.empty()) fmt::print("{:>26} -> {}\n", "", mend);
    }
    if (field(found, "waiting_certificate_taken") == "true") fmt::print("The new certificate is in use now; the one before may be removed in Entra.\n");
  });
  if (!shown) return shown;
  if (field(*answer, "works") != "true") return kFailed;
  for (const auto& step : list(*answer, "steps")) {
    if (field(step, "state") != "good") return kFindings;
  }
  return kDone;
}

// A new key here, and its certificate to be uploaded at the directory. What signs in now goes on until then.
Result<int> make_certificate(Context& context, const std::string& id, const std::string& file) {
  auto at = where(context);
  if (!at) return at.error();
  auto answer = at->client.patch(of_tenant(at->tenant, "credentials/" + id), json::object{{"make_certificate", true}});
  if (!answer) return answer.error();
  const auto& waiting = answer->at("waiting_certificate");
  if (!file.empty()) {
    if (auto kept = write_file_durably(file, field(waiting, "certificate_pem"), 0644); !kept) return kept.error();
  }
  return print(context, answer, [&](const json::value&) {
    if (file.empty()) fmt::print("{}", field(waiting, "certificate_pem"));
    else fmt::print("The certificate is in {}.\n", file);
    fmt::print("Thumbprint {}, valid until {}.\nUpload it in Entra (App registrations, Certificates & secrets), then: kopial credential check {}\n", field(waiting, "thumbprint"),
               time_text(field(waiting, "not_after")), id);
  });
}

Result<int> preview(Context& context, const std::string& profile, const std::string& mailbox) {
  auto at = where(context);
  if (!at) return at.error();
  return print(context, at->client.post(of_tenant(at->tenant, "profiles/" + profile + "/preview"), json::object{{"mailbox", mailbox}}), [](const json::value& plan) {
    Table table({"RECEIVED", "FOLDER"});
    for (const auto& one : list(plan, "items")) table.add({time_text(field(one, "received")), field(one, "folder")});
    table.print();
    fmt::print("{} of {} messages would go ({} %); {} are too young, {} marked for follow-up, {} not archived\n", field(plan, "would_go"), field(plan, "listed"),
               field(plan, "share"), field(plan, "too_young"), field(plan, "flagged"), field(plan, "not_archived"));
    if (field(plan, "stopped") == "true") fmt::print("That is more than share_max allows: a run would remove nothing.\n");
  });
}

Result<int> completeness(Context& context, const std::string& profile, const std::string& mailbox) {
  auto at = where(context);
  if (!at) return at.error();
  Query query{{"limit", "1000"}};
  if (!profile.empty()) query.emplace_back("profile", profile);
  if (!mailbox.empty()) query.emplace_back("mailbox", mailbox);
  auto answer = at->client.get(of_tenant(at->tenant, "reports/completeness"), query);
  bool all_complete = true;
  auto shown = print(context, answer, [](const json::value& found) {
    Table table({"MAILBOX", "COMPLETE", "AT SOURCE", "ARCHIVED", "QUARANTINED", "MISSING", "GONE", "COMPARED", "GAPS"});
    for (const std::size_t column : {2, 3, 4, 5, 6}) table.align_right(column);
    for (const auto& item : list(found, "items")) {
      const auto& one = item.at("statement");
      std::string gaps;
      for (const auto& gap : list(one, "gaps")) gaps += (gaps.empty() ? "" : "; ") + field(gap, "folder") + ": " + field(gap, "reason");
      table.add({field(one, "upn"), field(one, "complete") == "true" ? "yes" : "NO", field(one, "at_source"), field(one, "archived"), field(one, "quarantined"),
                 field(one, "not_archived"), field(one, "vanished"), time_text(field(one, "ended_at")), gaps});
    }
    table.print();
  });
  if (!shown) return shown;
  for (const auto& item : list(*answer, "items")) all_complete = all_complete && field(item.at("statement"), "complete") == "true";
  return all_complete ? kDone : kFindings;
}

struct Wanted {
  std::string profile, mailbox, folder, archive, archive_folder, purpose;
  std::vector<std::string> messages;
  bool whole_folder = false;
};

Result<int> put_back(Context& context, const Wanted& wanted) {
  auto at = where(context);
  if (!at) return at.error();
  json::object body{{"profile", wanted.profile}, {"folder", wanted.folder}, {"archive", wanted.archive}};
  if (!wanted.mailbox.empty()) body["mailbox"] = wanted.mailbox;
  if (!wanted.purpose.empty()) body["purpose"] = wanted.purpose;
  if (wanted.messages.empty()) {
    body["archive_folder"] = wanted.archive_folder;
  } else {
    json::array ids;
    for (const auto& one : wanted.messages) ids.push_back(json::string(one));
    body["messages"] = std::move(ids);
  }
  auto restore = at->client.post(of_tenant(at->tenant, "restores"), body);
  if (!restore) return restore.error();
  const auto path = of_tenant(at->tenant, "restores/" + field(*restore, "id"));
  ProgressBar bar;
  while (field(*restore, "state") == "running") {
    bar.show(static_cast<std::uint64_t>(number(*restore, "restored")), static_cast<std::uint64_t>(number(*restore, "total")),
             fmt::format("{} of {} messages", field(*restore, "restored"), field(*restore, "total")));
    (void)system_clock().wait_for(kBetweenLooks, {});
    restore = at->client.get(path);
    if (!restore) return restore.error();
  }
  bar.clear();
  auto shown = print(context, restore, [](const json::value& one) {
    fmt::print("{}: {} of {} messages are back in {}, folder {}\n", field(one, "state"), field(one, "restored"), field(one, "total"), field(one, "mailbox"), field(one, "folder"));
    for (const auto& lost : list(one, "lost")) fmt::print("  not as it was, {} times: {}\n", field(lost, "messages"), field(lost, "what"));
    for (const auto& error : list(one, "errors")) fmt::print("  {}\n", std::string_view(error.as_string()));
    if (const auto error = field(one, "error"); !error.empty()) fmt::print("  {}\n", error);
  });
  if (!shown) return shown;
  const auto state = field(*restore, "state");
  return state == "succeeded" ? kDone : state == "succeeded_with_findings" ? kFindings : kFailed;
}

CLI::App* group_called(CLI::App& app, const std::string& name) { return app.get_subcommand(name); }

}  // namespace

void add_source(CLI::App& app, Context& context) {
  auto id = std::make_shared<std::string>(), mailbox = std::make_shared<std::string>(), file = std::make_shared<std::string>();
  auto* credentials = group_called(app, "credential");
  auto* made = command(*credentials, context, "check", "Try a credential: what it may do, and what to mend; exit code 3 when something is limited",
                       [&context, id, mailbox] { return check(context, *id, *mailbox); });
  add_tenant_option(*made, context);
  made->add_option("credential", *id, "The credential's id")->required();
  made->add_option("--mailbox", *mailbox, "Try this one; left out: a few of the directory's");
  auto* certificate = command(*credentials, context, "new-certificate", "Make a new key for a credential, and show the certificate to upload",
                              [&context, id, file] { return make_certificate(context, *id, *file); });
  add_tenant_option(*certificate, context);
  certificate->add_option("credential", *id, "The credential's id")->required();
  certificate->add_option("--out", *file, "Write the certificate to this file");

  auto profile = std::make_shared<std::string>();
  auto* planned = command(*group_called(app, "profile"), context, "preview", "What would be removed at the source of one mailbox",
                          [&context, profile, mailbox] { return preview(context, *profile, *mailbox); });
  add_tenant_option(*planned, context);
  planned->add_option("profile", *profile, "The profile's id")->required();
  planned->add_option("mailbox", *mailbox, "Its name or address")->required();

  auto* report = app.add_subcommand("report", "What was compared, and with what result")->require_subcommand(1);
  auto* complete = command(*report, context, "completeness", "Per mailbox: at the source, archived, and every gap; exit code 3 when one is not complete",
                           [&context, profile, mailbox] { return completeness(context, *profile, *mailbox); });
  add_tenant_option(*complete, context);
  complete->add_option("--profile", *profile, "Only of this profile");
  complete->add_option("--mailbox", *mailbox, "Only this mailbox");

  auto wanted = std::make_shared<Wanted>();
  auto* back = command(*group_called(app, "archive"), context, "restore", "Put mail back into a mailbox", [&context, wanted]() -> Result<int> {
    if (wanted->messages.empty() && !wanted->whole_folder && wanted->archive_folder.empty()) return Error{ErrorCode::invalid, "which mail? --message, --folder or --all"};
    return put_back(context, *wanted);
  });
  add_tenant_option(*back, context);
  back->add_option("archive", wanted->archive, "The archive's id")->required();
  back->add_option("--profile", wanted->profile, "Through which profile's source")->required();
  back->add_option("--message", wanted->messages, "A message's id; may be given again");
  back->add_option("--folder", wanted->archive_folder, "A folder of the archive, with all below it");
  back->add_flag("--all", wanted->whole_folder, "The whole archive");
  back->add_option("--into", wanted->folder, "The folder in the mailbox; it is made")->default_val("Restored");
  back->add_option("--mailbox", wanted->mailbox, "Another mailbox than the archive's own (compliance officers)");
  back->add_option("--purpose", wanted->purpose, "For the audit");
}

}  // namespace kopial::cli
