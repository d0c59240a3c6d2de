#include "server/people/audit.h"

#include <boost/json.hpp>

#include <charconv>

#include "storage/base/json_fields.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kPage = 1000, kLookedAtMax = 50'000;

}  // namespace

bool AuditFilter::wants(const AuditEvent& event) const {
  if (since && event.at < *since) return false;
  if (until && event.at >= *until) return false;
  if (!user.empty() && event.user_id != user && event.username != user) return false;
  if (!action.empty() && event.action != action && !(action.ends_with('.') && event.action.starts_with(action))) return false;
  return object.empty() || event.object.find(object) != std::string::npos;
}

Result<void> append_audit(Tenant& tenant, const AuditEvent& event) {
  const json::object value{{"at", format_rfc3339(event.at)},       {"user_id", event.user_id}, {"username", event.username},
                           {"action", event.action},               {"object", event.object},   {"purpose", event.purpose},
                           {"remote_address", event.remote_address}, {"request_id", event.request_id}, {"reason", event.reason}};
  auto kept = tenant.store().append_audit(json::serialize(value));
  if (!kept) return kept.error().with_context("the audit log could not be written, so nothing was done");
  return {};
}

Result<std::vector<AuditEvent>> read_audit(Tenant& tenant, const AuditFilter& filter, std::string& after, std::size_t limit) {
  std::uint64_t from = 0;
  if (!after.empty()) {
    const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), from);
    if (error != std::errc() || end != after.data() + after.size()) return Error{ErrorCode::invalid, "'after' must be what 'next' of the page before said"};
  }
  std::vector<AuditEvent> events;
  for (std::size_t looked_at = 0; looked_at < kLookedAtMax;) {
    auto rows = tenant.store().audit(from, kPage);
    if (!rows) return rows.error();
    for (const auto& row : *rows) {
      from = row.leaf + 1;
      ++looked_at;
      json::error_code bad;
      const auto value = json::parse(row.json, bad);
      if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "an audit event cannot be read"};
      const auto& object = value.get_object();
      AuditEvent event{parse_rfc3339(text(object, "at")).value_or(Time{}), text(object, "user_id"), text(object, "username"), text(object, "action"),
                       text(object, "object"), text(object, "purpose"), text(object, "remote_address"), text(object, "request_id"), text(object, "reason"), row.leaf};
      if (!filter.wants(event)) continue;
      events.push_back(std::move(event));
      if (events.size() == limit) {
        after = std::to_string(from);
        return events;
      }
    }
    if (rows->size() < kPage) {
      after.clear();
      return events;
    }
  }
  after = std::to_string(from);  // Looked long enough: the next page goes on from here, also when this one is short.
  return events;
}

}  // namespace kopial
