// Erasures: asked for with a reason by one person, carried out when another one confirms.
#include <fmt/format.h>

#include <algorithm>

#include "server/api/care.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/care/care_service.h"
#include "server/compliance/erasures.h"
#include "server/people/audit.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kMessagesMax = 1000;

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }
Error no_erasure() { return {ErrorCode::not_found, "there is no such erasure"}; }

Result<void> note(const ApiCall& call, std::string action, const ErasureRequest& request) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), request.id, request.reason,
                                      call.request.remote_address, call.request.request_id});
}

json::object view(const ErasureRequest& request) {
  json::array messages;
  for (const auto message : request.messages) messages.push_back(json::string(message_id_text(message)));
  json::value outcome = nullptr;
  if (request.state == "done") {
    outcome = {{"messages", request.outcome.messages}, {"copies", request.outcome.copies}, {"placements", request.outcome.placements}, {"parts", request.outcome.parts}};
  }
  return {{"id", request.id},
          {"state", request.state},
          {"messages", std::move(messages)},
          {"reason", request.reason},
          {"requested_by", request.requested_by},
          {"requested_at", time_or_null(request.requested_at)},
          {"confirmed_by", request.confirmed_by.empty() ? json::value(nullptr) : json::value(request.confirmed_by)},
          {"ended_at", time_or_null(request.ended_at)},
          {"outcome", std::move(outcome)},
          {"error", request.error.empty() ? json::value(nullptr) : json::value(request.error)}};
}

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"messages", "reason"});
  if (!body) return fail(call, body.error());
  auto ids = optional_strings(*body, "messages", kMessagesMax);
  auto reason = required_string(*body, "reason", 2000);
  if (!ids) return fail(call, ids.error());
  if (!reason) return fail(call, reason.error());
  if (ids->empty()) return fail(call, {ErrorCode::invalid, "'messages' must name at least one message"});
  ErasureRequest request;
  for (const auto& id : *ids) {
    const auto serial = parse_message_id(id);
    if (!serial) return fail(call, {ErrorCode::invalid, "'" + id.substr(0, 40) + "' is not the id of a message"});
    request.messages.push_back(*serial);
  }
  std::sort(request.messages.begin(), request.messages.end());
  if (std::adjacent_find(request.messages.begin(), request.messages.end()) != request.messages.end()) {
    return fail(call, {ErrorCode::invalid, "'messages' names a message twice"});
  }
  auto known = call.tenant().store().messages(request.messages);
  if (!known) return fail(call, known.error());
  if (known->size() != request.messages.size()) {
    return fail(call, {ErrorCode::not_found, fmt::format("{} of the {} messages are not in the archive", request.messages.size() - known->size(), request.messages.size())});
  }
  request.reason = *reason;
  request.requested_by = call.caller.username;
  request.requester = call.caller.user_id;
  request.requested_at = call.services.clock.now();
  auto made = create_erasure(call.tenant(), std::move(request));
  if (!made) return fail(call, made.error());
  if (auto noted = note(call, "erasure.request", *made); !noted) return fail(call, noted.error());
  return json_answer(201, view(*made));
}

Result<ErasureRequest> find(const ApiCall& call) {
  auto request = find_erasure(call.tenant(), call.captures.front());
  if (!request) return request.error();
  if (!*request) return no_erasure();
  return **std::move(request);
}

http::Response show(const ApiCall& call) {
  auto request = find(call);
  return request ? json_answer(200, view(*request)) : fail(call, request.error());
}

http::Response list(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto requests = list_erasures(call.tenant(), page->after, page->limit);
  if (!requests) return fail(call, requests.error());
  json::array items;
  for (const auto& request : *requests) items.push_back(view(request));
  return collection(std::move(items), requests->size() < page->limit ? "" : requests->back().id);
}

Result<ErasureRequest> find_open(const ApiCall& call) {
  auto request = find(call);
  if (!request) return request;
  if (request->state != "requested") return Error{ErrorCode::conflict, "this erasure is " + request->state + " already"};
  return request;
}

http::Response confirm(const ApiCall& call, CareService& care) {
  auto request = find_open(call);
  if (!request) return fail(call, request.error());
  if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
  if (auto other = check_four_eyes(call.caller, request->requester); !other) return fail(call, other.error());
  // Before the deed: what cannot be noted is not done.
  if (auto noted = note(call, "erasure.confirm", *request); !noted) return fail(call, noted.error());
  std::vector<Erasure> erasures;
  for (const auto message : request->messages) erasures.push_back({message, {}});
  auto erased = call.tenant().store().erase(erasures);
  if (!erased && erased.error().code != ErrorCode::held) return fail(call, erased.error());  // It may be confirmed again.
  request->confirmed_by = call.caller.username;
  request->ended_at = call.services.clock.now();
  request->state = erased ? "done" : "refused";
  if (erased) request->outcome = *erased;
  else request->error = erased.error().message;
  if (auto kept = update_erasure(call.tenant(), *request); !kept) return fail(call, kept.error());
  if (!erased) return fail(call, erased.error());
  care.erased(call.tenant());
  return json_answer(200, view(*request));
}

http::Response cancel(const ApiCall& call) {
  auto request = find_open(call);
  if (!request) return fail(call, request.error());
  if (auto noted = note(call, "erasure.cancel", *request); !noted) return fail(call, noted.error());
  request->state = "cancelled";
  request->ended_at = call.services.clock.now();
  if (auto kept = update_erasure(call.tenant(), *request); !kept) return fail(call, kept.error());
  http::Response response;
  response.status = 204;
  return response;
}

}  // namespace

void add_erasure_routes(Api& api, CareService& care) {
  const std::string erasures = "/api/v1/tenants/{t}/erasures";
  api.add({"GET", erasures, Need::auditor, list});
  api.add({"POST", erasures, Need::eraser, create});
  api.add({"GET", erasures + "/{e}", Need::auditor, show});
  api.add({"DELETE", erasures + "/{e}", Need::eraser, cancel});
  api.add({"POST", erasures + "/{e}/confirm", Need::eraser, [&care](const ApiCall& call) { return confirm(call, care); }});
}

}  // namespace kopial
