// messages/{m}/envelope: who sent a message and who got it, as journal reports tell it. For officers: it names blind copies, which its other
// recipients must not learn of.
#include <boost/json.hpp>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/archiving/journal_links.h"
#include "server/people/audit.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;
namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

std::string_view name_of(JournalRecipient::Field field) {
  switch (field) {
    case JournalRecipient::Field::to: return "to";
    case JournalRecipient::Field::cc: return "cc";
    case JournalRecipient::Field::bcc: return "bcc";
    case JournalRecipient::Field::recipient: return "recipient";
  }
  return "recipient";
}

json::value or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

http::Response show(const ApiCall& call) {
  const Error none{ErrorCode::not_found, "no journal report that is in this archive tells of this message"};
  const auto serial = parse_message_id(call.captures.front());
  if (!serial) return fail(call, none);
  auto access = check_message(call.caller, *serial);
  if (!access) return fail(call, access.error());
  auto record = call.tenant().store().message(*serial);
  if (!record) return fail(call, record.error());
  if (!*record) return fail(call, none);
  auto noted = append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, "message.envelope", call.captures.front(),
                                            call.request.parameter("purpose").value_or(""), call.request.remote_address, call.request.request_id, access->reason});
  if (!noted) return fail(call, noted.error());
  auto merged = merged_envelope(call.tenant().store(), (*record)->copies);
  if (!merged) return fail(call, merged.error());
  if (!*merged) return fail(call, none);
  const auto& envelope = (*merged)->envelope;
  json::array recipients, reports;
  for (const auto& one : envelope.recipients) {
    recipients.push_back({{"address", one.address}, {"field", name_of(one.field)}, {"expanded_from", or_null(one.expanded)}, {"forwarded_from", or_null(one.forwarded)}});
  }
  for (const auto& one : (*merged)->reports) reports.push_back(json::string(one.hex()));
  return json_answer(200, json::object{{"sender", or_null(envelope.sender)}, {"on_behalf_of", or_null(envelope.on_behalf_of)}, {"internet_message_id", or_null(envelope.message_id)},
                                       {"recipients", std::move(recipients)}, {"reports", std::move(reports)}});
}

}  // namespace

void add_journal_routes(Api& api) { api.add({"GET", "/api/v1/tenants/{t}/messages/{m}/envelope", Need::officer, show}); }

}  // namespace kopial
