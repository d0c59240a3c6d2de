#include "server/compliance/erasures.h"

#include <boost/json.hpp>

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "erasure";

json::value time_value(const std::optional<Time>& time) { return time ? json::value(to_milliseconds(*time)) : json::value(nullptr); }

std::string encode(const ErasureRequest& request) {
  json::array messages;
  for (const auto message : request.messages) messages.push_back(to_number(message));
  return json::serialize(json::object{{"state", request.state}, {"messages", std::move(messages)}, {"reason", request.reason},
                                      {"requested_by", request.requested_by}, {"requester", request.requester}, {"confirmed_by", request.confirmed_by},
                                      {"requested_at", time_value(request.requested_at)}, {"ended_at", time_value(request.ended_at)},
                                      {"erased_messages", request.outcome.messages}, {"erased_copies", request.outcome.copies},
                                      {"erased_placements", request.outcome.placements}, {"erased_parts", request.outcome.parts}, {"error", request.error}});
}

Result<ErasureRequest> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  const Error unreadable{ErrorCode::corrupt, "the record of erasure " + record.id + " cannot be read"};
  if (bad || !value.is_object()) return unreadable;
  try {
    const auto& object = value.get_object();
    const auto text = [&](const char* name) { return std::string(object.at(name).as_string()); };
    const auto number = [&](const char* name) { return object.at(name).to_number<std::uint64_t>(); };
    const auto time = [&](const char* name) {
      const auto& at = object.at(name);
      return at.is_null() ? std::optional<Time>() : std::optional(from_milliseconds(at.to_number<std::int64_t>()));
    };
    ErasureRequest request;
    request.id = record.id;
    request.revision = record.revision;
    request.state = text("state");
    for (const auto& message : object.at("messages").as_array()) request.messages.push_back(Serial{message.to_number<std::uint64_t>()});
    request.reason = text("reason");
    request.requested_by = text("requested_by");
    if (object.contains("requester")) request.requester = text("requester");
    request.confirmed_by = text("confirmed_by");
    request.requested_at = time("requested_at");
    request.ended_at = time("ended_at");
    request.outcome = {number("erased_messages"), number("erased_copies"), number("erased_placements"), number("erased_parts")};
    request.error = text("error");
    return request;
  } catch (const std::exception&) {
    return unreadable;
  }
}

}  // namespace

Result<ErasureRequest> create_erasure(Tenant& tenant, ErasureRequest request) {
  auto number = tenant.store().records().next_number(kKind);
  if (!number) return number.error();
  request.id = "e" + std::to_string(*number);
  request.state = "requested";
  request.revision = 1;
  if (auto kept = tenant.store().records().put(std::string(kKind), request.id, encode(request), 0); !kept) return kept.error();
  return request;
}

Result<std::optional<ErasureRequest>> find_erasure(Tenant& tenant, const std::string& id) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<ErasureRequest>();
  auto request = decode(**record);
  if (!request) return request.error();
  return std::optional(*std::move(request));
}

Result<std::vector<ErasureRequest>> list_erasures(Tenant& tenant, const std::string& after, std::size_t limit) {
  auto records = tenant.store().records().list(kKind, after, limit);
  if (!records) return records.error();
  std::vector<ErasureRequest> requests;
  for (const auto& record : *records) {
    auto request = decode(record);
    if (!request) return request.error();
    requests.push_back(*std::move(request));
  }
  return requests;
}

Result<void> update_erasure(Tenant& tenant, const ErasureRequest& request) {
  return tenant.store().records().put(std::string(kKind), request.id, encode(request), request.revision);
}

}  // namespace kopial
