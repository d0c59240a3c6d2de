// Scrubs, backups, drills and restores.
#include "server/api/care.h"

#include <fmt/format.h>

#include "server/api/json.h"
#include "server/api/views.h"
#include "server/care/care_service.h"
#include "server/people/audit.h"
#include "server/services.h"
#include "storage/base/log.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object view(const CareJob& job) {
  json::array findings;
  for (const auto& one : job.findings) findings.push_back(json::string(one));
  return {{"kind", job.kind},
          {"state", to_string(job.state)},
          {"queued_at", time_or_null(job.queued_at)},
          {"started_at", time_or_null(job.started_at)},
          {"ended_at", time_or_null(job.ended_at)},
          {"bytes", job.bytes},
          {"bytes_total", job.bytes_total},
          {"backup", text_or_null(job.backup)},
          {"text", text_or_null(job.text)},
          {"findings", std::move(findings)},
          {"error", text_or_null(job.error)}};
}

json::object view(const ScrubStatus& status) {
  json::array findings;
  for (const auto& one : status.report.findings) {
    findings.push_back({{"object", one.object},
                        {"problem", one.problem},
                        {"message_id", one.message ? json::value(message_id_text(*one.message)) : json::value(nullptr)},
                        {"copy_id", one.copy ? json::value(one.copy->hex()) : json::value(nullptr)}});
  }
  const auto& report = status.report;
  return {{"job", view(status.job)},
          {"complete", report.complete},
          {"last_complete_at", time_or_null(status.last_complete_at)},
          {"position", text_or_null(report.position)},
          {"files", report.files},
          {"file_bytes", report.file_bytes},
          {"files_without_checksum", report.unknown_files},
          {"messages", report.messages},
          {"copies", report.copies},
          {"copy_bytes", report.copy_bytes},
          {"damaged", report.damaged},
          {"findings", std::move(findings)}};
}

json::object view(const BackupRecord& record) {
  return {{"id", record.id},
          {"taken_at", format_rfc3339(record.taken_at)},
          {"messages", record.messages},
          {"copies", record.copies},
          {"placements", record.placements},
          {"raw_bytes", record.raw_bytes},
          {"files", record.files},
          {"bytes", record.bytes},
          {"new_files", record.new_files},
          {"new_bytes", record.new_bytes},
          {"checkpoint", text_or_null(record.checkpoint)}};
}

http::Response accepted(const ApiCall& call, const Result<CareJob>& job) { return job ? json_answer(202, view(*job)) : fail(call, job.error()); }

http::Response show_scrub(const ApiCall& call, CareService& care) {
  auto status = care.scrub(call.tenant());
  return status ? json_answer(200, view(*status)) : fail(call, status.error());
}

http::Response start_scrub(const ApiCall& call, CareService& care) {
  auto body = read_object(call.request.body.empty() ? "{}" : call.request.body, {"bytes_per_second"});
  if (!body) return fail(call, body.error());
  std::uint64_t speed = 0;
  if (const auto* value = body->if_contains("bytes_per_second"); value != nullptr && !value->is_null()) {
    if (!value->is_int64() || value->get_int64() < 1024) return fail(call, {ErrorCode::invalid, "'bytes_per_second' must be a number of at least 1024"});
    speed = static_cast<std::uint64_t>(value->get_int64());
  }
  if (auto noted = note(call, "scrub.start", ""); !noted) return fail(call, noted.error());
  return accepted(call, care.start_scrub(call.slug, speed));
}

http::Response stop_scrub(const ApiCall& call, CareService& care) {
  if (auto noted = note(call, "scrub.stop", ""); !noted) return fail(call, noted.error());
  care.stop_scrub(call.slug);
  http::Response response;
  response.status = 204;
  return response;
}

http::Response repair(const ApiCall& call, CareService& care) {
  if (auto noted = note(call, "scrub.repair", ""); !noted) return fail(call, noted.error());
  return accepted(call, care.start_repair(call.slug));
}

http::Response list_backups_of(const ApiCall& call, CareService& care) {
  auto records = care.backups(call.slug);
  if (!records) return fail(call, records.error());
  json::array items;
  for (const auto& record : *records) items.push_back(view(record));
  return collection(std::move(items), "");
}

http::Response start_backup(const ApiCall& call, CareService& care) {
  if (auto noted = note(call, "backup.start", ""); !noted) return fail(call, noted.error());
  return accepted(call, care.start_backup(call.slug));
}

http::Response start_drill(const ApiCall& call, CareService& care) {
  if (auto noted = note(call, "backup.drill", call.captures.front()); !noted) return fail(call, noted.error());
  return accepted(call, care.start_drill(call.slug, call.captures.front() == "latest" ? "" : call.captures.front()));
}

http::Response list_jobs(const ApiCall& call, CareService& care) {
  auto jobs = care.jobs(call.slug);
  if (!jobs) return fail(call, jobs.error());
  json::array items;
  for (const auto& job : *jobs) items.push_back(view(job));
  return collection(std::move(items), "");
}

http::Response start_restore(const ApiCall& call, CareService& care) {
  auto body = read_object(call.request.body, {"tenant", "backup"});
  if (!body) return fail(call, body.error());
  auto tenant = required_string(*body, "tenant", 63);
  auto backup = optional_string(*body, "backup", "", 40);
  if (!tenant) return fail(call, tenant.error());
  if (!backup) return fail(call, backup.error());
  spdlog::warn("a restore of tenant {} is asked for by {}", *tenant, call.caller.username);
  return accepted(call, care.start_restore(*tenant, *backup));
}

http::Response show_restores(const ApiCall& call, CareService& care) {
  auto jobs = care.jobs(call.captures.front());
  if (!jobs) return fail(call, jobs.error());
  json::array items;
  for (const auto& job : *jobs) {
    if (job.kind == "restore") items.push_back(view(job));
  }
  return collection(std::move(items), "");
}

}  // namespace

void add_care_routes(Api& api, CareService& care) {
  const auto with_care = [&care](http::Response (*handler)(const ApiCall&, CareService&)) -> ApiHandler {
    return [&care, handler](const ApiCall& call) { return handler(call, care); };
  };
  const std::string tenant = "/api/v1/tenants/{t}";
  api.add({"GET", tenant + "/scrub", Need::auditor, with_care(show_scrub)});
  api.add({"POST", tenant + "/scrub", Need::administrator, with_care(start_scrub)});
  api.add({"DELETE", tenant + "/scrub", Need::administrator, with_care(stop_scrub)});
  api.add({"POST", tenant + "/scrub/repair", Need::administrator, with_care(repair)});
  api.add({"GET", tenant + "/backups", Need::auditor, with_care(list_backups_of)});
  api.add({"POST", tenant + "/backups", Need::administrator, with_care(start_backup)});
  api.add({"POST", tenant + "/backups/{b}/drill", Need::administrator, with_care(start_drill)});
  api.add({"GET", tenant + "/care/jobs", Need::auditor, with_care(list_jobs)});
  api.add({"POST", "/api/v1/system/restores", Need::system, with_care(start_restore)});
  api.add({"GET", "/api/v1/system/restores/{s}", Need::system, with_care(show_restores)});
}

}  // namespace kopial
