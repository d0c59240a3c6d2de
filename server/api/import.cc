// POST messages/import: the simplest way in. 201 after the message is durable.
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/monitoring/metrics.h"
#include "config/settings.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kFolderBytesMax = 4096;

http::Response import(const ApiCall& call) {
  const auto fail = [&](const Error& error) { return http::problem(error, call.request.request_id); };
  for (const auto& [name, value] : call.request.query) {
    if (name != "archive" && name != "folder" && name != "received" && name != "unread") {
      return fail({ErrorCode::invalid, "the parameter '" + name.substr(0, 50) + "' is not known; archive, folder, received and unread are"});
    }
  }
  const auto type = call.request.header("content-type").value_or("");
  if (!type.starts_with("message/rfc822")) return fail({ErrorCode::invalid, "send the message as message/rfc822"});
  const auto id = parse_archive_id(call.request.parameter("archive").value_or(""));
  if (!id) return fail({ErrorCode::invalid, "'archive' must be the id of an archive"});
  auto archive = call.tenant().archive(*id);
  if (!archive) return fail(archive.error());
  if (!*archive) return fail({ErrorCode::not_found, "there is no such archive"});
  const auto folder = call.request.parameter("folder").value_or("");
  if (folder.size() > kFolderBytesMax) return fail({ErrorCode::invalid, "'folder' is too long"});
  auto received = call.services.clock.now();
  if (const auto text = call.request.parameter("received")) {
    const auto time = parse_rfc3339(*text);
    if (!time) return fail({ErrorCode::invalid, "'received' is not a time; write 2026-11-24T00:00:00Z"});
    received = *time;
  }
  Intake intake;
  intake.placement = {*id, folder.empty() ? "Inbox" : folder, "", received, call.request.parameter("unread") == "true", std::nullopt};
  intake.raw = call.request.body;
  const auto bytes = intake.raw.size();
  Batch batch;
  batch.messages.push_back(std::move(intake));
  auto outcome = call.tenant().store().archive(std::move(batch));
  if (!outcome) return fail(outcome.error());
  const auto& one = outcome->messages.front();
  if (one.new_placement) call.services.metrics.count_archived(1, bytes);
  return json_answer(201, json::object{{"copy_id", one.copy.hex()}, {"message_id", message_id_text(one.serial)}, {"new", one.new_placement}});
}

}  // namespace

void add_import_routes(Api& api) {
  // The body's limit is the operator's, so it is known when the routes are made.
  api.add({"POST", "/api/v1/tenants/{t}/messages/import", Need::administrator, import, api.services().settings.limits.message_bytes_max});
}

}  // namespace kopial
