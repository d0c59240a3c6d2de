#include "server/archiving/run_record.h"

#include <cmath>

#include "storage/base/json_fields.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr RunState kStates[] = {RunState::queued, RunState::running, RunState::succeeded, RunState::succeeded_with_findings, RunState::failed, RunState::cancelled};

json::value or_null(const std::optional<Time>& time) { return time ? json::value(format_rfc3339(*time)) : json::value(nullptr); }
json::value or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

constexpr std::pair<const char*, std::uint64_t MailboxProgress::*> kCounts[] = {
    {"expected", &MailboxProgress::expected}, {"seen", &MailboxProgress::seen},
    {"archived", &MailboxProgress::archived}, {"already_archived", &MailboxProgress::already_archived},
    {"quarantined", &MailboxProgress::quarantined}, {"vanished", &MailboxProgress::vanished},
    {"moved", &MailboxProgress::moved},       {"failed", &MailboxProgress::failed},
    {"bytes", &MailboxProgress::bytes},       {"removed_at_source", &MailboxProgress::removed_at_source}};

json::object mailbox_view(const MailboxProgress& mailbox) {
  json::object out{{"mailbox", mailbox.mailbox},
                   {"upn", mailbox.upn},
                   {"display_name", mailbox.display_name},
                   {"archive", mailbox.archive ? json::value(std::to_string(to_number(*mailbox.archive))) : json::value(nullptr)},
                   {"state", mailbox.state}};
  for (const auto& [name, member] : kCounts) out[name] = mailbox.*member;
  json::array findings;
  for (const auto& finding : mailbox.findings) findings.push_back(json::string(finding));
  out["rate"] = std::round(mailbox.rate * 10) / 10;
  out["eta"] = mailbox.eta_seconds ? json::value(*mailbox.eta_seconds) : json::value(nullptr);
  out["started_at"] = or_null(mailbox.started_at);
  out["ended_at"] = or_null(mailbox.ended_at);
  out["error"] = or_null(mailbox.error);
  out["complete"] = mailbox.complete ? json::value(*mailbox.complete) : json::value(nullptr);
  out["findings"] = std::move(findings);
  return out;
}

MailboxProgress decode_mailbox(const json::object& object) {
  MailboxProgress mailbox;
  mailbox.mailbox = text(object, "mailbox");
  mailbox.upn = text(object, "upn");
  mailbox.display_name = text(object, "display_name");
  if (const auto archive = text(object, "archive"); !archive.empty()) mailbox.archive = static_cast<ArchiveId>(std::strtoul(archive.c_str(), nullptr, 10));
  mailbox.state = text(object, "state");
  for (const auto& [name, member] : kCounts) mailbox.*member = number(object, name);
  mailbox.started_at = parse_rfc3339(text(object, "started_at"));
  mailbox.ended_at = parse_rfc3339(text(object, "ended_at"));
  mailbox.error = text(object, "error");
  if (const auto* complete = object.if_contains("complete"); complete != nullptr && complete->is_bool()) mailbox.complete = complete->get_bool();
  if (const auto* findings = object.if_contains("findings"); findings != nullptr && findings->is_array()) {
    for (const auto& finding : findings->get_array()) {
      if (finding.is_string()) mailbox.findings.emplace_back(finding.get_string());
    }
  }
  if (const auto* rate = object.if_contains("rate"); rate != nullptr && rate->is_number()) mailbox.rate = rate->to_number<double>();
  return mailbox;
}

}  // namespace

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::queued: return "queued";
    case RunState::running: return "running";
    case RunState::succeeded: return "succeeded";
    case RunState::succeeded_with_findings: return "succeeded_with_findings";
    case RunState::failed: return "failed";
    case RunState::cancelled: return "cancelled";
  }
  return "failed";
}

json::object run_view(const RunView& run) {
  json::array mailboxes;
  for (const auto& mailbox : run.mailboxes) mailboxes.push_back(mailbox_view(mailbox));
  return {{"id", run.id},
          {"profile", run.profile},
          {"profile_name", run.profile_name},
          {"state", to_string(run.state)},
          {"queued_at", or_null(run.queued_at)},
          {"started_at", or_null(run.started_at)},
          {"ended_at", or_null(run.ended_at)},
          {"error", or_null(run.error)},
          {"paused", run.paused},
          {"blocked_until", or_null(run.blocked_until)},
          {"reconcile", run.options.reconcile},
          {"mailboxes", std::move(mailboxes)}};
}

Result<RunView> decode_run(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of run " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  RunView run;
  run.id = record.id;
  run.profile = text(object, "profile");
  run.profile_name = text(object, "profile_name");
  run.state = RunState::failed;
  for (const auto state : kStates) {
    if (to_string(state) == text(object, "state")) run.state = state;
  }
  run.queued_at = parse_rfc3339(text(object, "queued_at"));
  run.started_at = parse_rfc3339(text(object, "started_at"));
  run.ended_at = parse_rfc3339(text(object, "ended_at"));
  run.error = text(object, "error");
  const auto* paused = object.if_contains("paused");
  run.paused = paused != nullptr && paused->is_bool() && paused->get_bool();
  const auto* reconcile = object.if_contains("reconcile");
  run.options.reconcile = reconcile != nullptr && reconcile->is_bool() && reconcile->get_bool();
  if (const auto* mailboxes = object.if_contains("mailboxes"); mailboxes != nullptr && mailboxes->is_array()) {
    for (const auto& mailbox : mailboxes->get_array()) {
      if (mailbox.is_object()) run.mailboxes.push_back(decode_mailbox(mailbox.get_object()));
    }
  }
  return run;
}

}  // namespace kopial
