#include "server/people/audit.h"

#include <boost/json.hpp>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "audit";

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

Result<void> append_audit(Tenant& tenant, const AuditEvent& event) {
  const json::object value{{"at", format_rfc3339(event.at)},       {"user_id", event.user_id}, {"username", event.username},
                           {"action", event.action},               {"object", event.object},   {"purpose", event.purpose},
                           {"remote_address", event.remote_address}, {"request_id", event.request_id}, {"reason", event.reason}};
  // Time and chance name an event, so that writing one is a single durable write without a counter.
  Encoder id;
  id.fixed64(static_cast<std::uint64_t>(to_milliseconds(event.at)));
  auto kept = tenant.store().records().put(std::string(kKind), hex_encode(id.bytes()) + random_token(8), json::serialize(value), 0);
  if (!kept) return kept.error().with_context("the audit log could not be written, so nothing was done");
  return {};
}

Result<std::vector<AuditEvent>> read_audit(Tenant& tenant, std::string& after, std::size_t limit) {
  auto listed = tenant.store().records().list(kKind, after, limit);
  if (!listed) return listed.error();
  std::vector<AuditEvent> events;
  for (const auto& record : *listed) {
    json::error_code bad;
    const auto value = json::parse(record.json, bad);
    if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "an audit event cannot be read"};
    const auto& object = value.get_object();
    events.push_back({parse_rfc3339(text(object, "at")).value_or(Time{}), text(object, "user_id"), text(object, "username"), text(object, "action"),
                      text(object, "object"), text(object, "purpose"), text(object, "remote_address"), text(object, "request_id"), text(object, "reason")});
  }
  after = listed->size() == limit ? listed->back().id : "";
  return events;
}

}  // namespace kopial
