#include "server/api/idempotency.h"

#include <boost/json.hpp>

#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "idempotency";
constexpr std::chrono::hours kKept{24};
constexpr std::size_t kAnswerBytesMax = 256 << 10;

}  // namespace

http::Response Idempotency::once(const Caller& caller, const http::Request& request, const std::function<http::Response()>& act) {
  const auto key = request.header("idempotency-key");
  if (!key) return act();
  const auto fail = [&](ErrorCode code, std::string why) { return http::problem({code, std::move(why)}, request.request_id); };
  if (key->empty() || key->size() > 200) return fail(ErrorCode::invalid, "Idempotency-Key must have 1 to 200 characters");

  Records& records = caller.tenant ? caller.tenant->store().records() : system_;
  std::string target = request.path;
  for (const auto& [name, value] : request.query) target += '\n' + name + '=' + value;
  const auto id = sha256(caller.user_id + '\n' + *key).hex();
  const auto fingerprint = sha256(request.method + '\n' + target + '\n' + request.body).hex();
  const auto owner = (caller.tenant ? caller.tenant->facts().slug : "~") + id;
  {
    const std::lock_guard lock(mutex_);
    if (!under_way_.insert(owner).second) return fail(ErrorCode::conflict, "a request with this Idempotency-Key is being worked on");
  }
  const auto response = [&]() -> http::Response {
    auto kept = records.get(kKind, id);
    if (!kept) return http::problem(kept.error(), request.request_id);
    if (*kept) {
      json::error_code bad;
      const auto value = json::parse((*kept)->json, bad);
      if (bad || !value.is_object()) return fail(ErrorCode::corrupt, "the kept answer cannot be read");
      const auto& object = value.get_object();
      const auto at = from_milliseconds(object.at("at").to_number<std::int64_t>());
      if (clock_.now() - at < kKept) {
        if (object.at("request").as_string() != fingerprint) {
          return fail(ErrorCode::conflict, "this Idempotency-Key was used for another request");
        }
        auto again = http::json_response(object.at("status").to_number<int>(), std::string(object.at("body").as_string()));
        again.headers.emplace_back("idempotent-replayed", "true");
        return again;
      }
    }
    auto done = act();
    if (done.status < 200 || done.status > 299 || done.stream || done.body.size() > kAnswerBytesMax) return done;
    const json::object keep{{"at", to_milliseconds(clock_.now())}, {"request", fingerprint}, {"status", done.status}, {"body", done.body}};
    if (auto written = records.put(std::string(kKind), id, json::serialize(keep)); !written) {
      spdlog::warn("an answer could not be kept for its Idempotency-Key: {}", written.error().message);
    }
    return done;
  }();
  const std::lock_guard lock(mutex_);
  under_way_.erase(owner);
  return response;
}

void Idempotency::sweep(Records& records) {
  auto listed = records.list(kKind, "", 1000);  // Oldest first.
  if (!listed) return;
  std::vector<RecordWrite> writes;
  for (const auto& record : *listed) {
    json::error_code bad;
    const auto value = json::parse(record.json, bad);
    const auto* at = !bad && value.is_object() ? value.get_object().if_contains("at") : nullptr;
    if (at != nullptr && at->is_int64() && clock_.now() - from_milliseconds(at->get_int64()) < kKept) break;
    writes.push_back({std::string(kKind), record.id, std::nullopt, std::nullopt});
  }
  if (writes.empty()) return;
  if (auto done = records.write(std::move(writes)); !done) spdlog::warn("old answers could not be removed: {}", done.error().message);
}

}  // namespace kopial
