#include "server/archiving/journal_links.h"

#include <boost/json.hpp>

#include <algorithm>
#include <map>

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "journal_link";
constexpr std::size_t kReportsMax = 1000;  // of one message: Exchange writes one for each few hundred recipients
constexpr int kAttempts = 20;

struct Linked {
  std::vector<CopyId> reports;
  std::uint64_t revision = 0;
};

Result<Linked> read(const Records& records, const CopyId& original) {
  auto record = records.get(kKind, original.hex());
  if (!record) return record.error();
  Linked linked;
  if (!*record) return linked;
  linked.revision = (*record)->revision;
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  const auto* reports = !bad && value.is_object() ? value.get_object().if_contains("reports") : nullptr;
  if (reports == nullptr || !reports->is_array()) return Error{ErrorCode::corrupt, "the reports of copy " + original.hex() + " cannot be read"};
  for (const auto& one : reports->get_array()) {
    const auto id = one.is_string() ? CopyId::from_hex(std::string_view(one.get_string())) : std::nullopt;
    if (id) linked.reports.push_back(*id);
  }
  return linked;
}

std::string encode(const std::vector<CopyId>& reports) {
  json::array out;
  for (const auto& one : reports) out.push_back(json::string(one.hex()));
  return json::serialize(json::object{{"version", 1}, {"reports", std::move(out)}});
}

}  // namespace

Result<void> keep_journal_links(Records& records, const std::vector<JournalLink>& links) {
  std::map<CopyId, std::vector<CopyId>> wanted;
  for (const auto& link : links) wanted[link.original].push_back(link.report);
  for (int attempt = 1;; ++attempt) {
    std::vector<RecordWrite> writes;
    for (const auto& [original, reports] : wanted) {
      auto linked = read(records, original);
      if (!linked) return linked.error();
      const auto before = linked->reports.size();
      for (const auto& report : reports) {
        const bool known = std::find(linked->reports.begin(), linked->reports.end(), report) != linked->reports.end();
        if (!known && linked->reports.size() < kReportsMax) linked->reports.push_back(report);
      }
      if (linked->reports.size() > before) writes.push_back({std::string(kKind), original.hex(), encode(linked->reports), linked->revision});
    }
    if (writes.empty()) return {};
    auto kept = records.write(std::move(writes));
    // Another journal mailbox had a report of the same message.
    if (kept || kept.error().code != ErrorCode::conflict || attempt >= kAttempts) return kept;
  }
}

Result<std::optional<MergedEnvelope>> merged_envelope(TenantStore& store, const std::vector<CopyId>& copies) {
  std::optional<MergedEnvelope> merged;
  for (const auto& copy : copies) {
    auto linked = read(store.records(), copy);
    if (!linked) return linked.error();
    for (const auto& id : linked->reports) {
      auto raw = store.raw(id);
      if (!raw) return raw.error();
      const auto report = *raw ? read_journal_report(**raw) : std::nullopt;
      if (!report) continue;  // Erased.
      if (!merged) merged.emplace(MergedEnvelope{report->envelope, {}});
      else merged->envelope = merge(std::move(merged->envelope), report->envelope);
      merged->reports.push_back(id);
    }
  }
  return merged;
}

}  // namespace kopial
