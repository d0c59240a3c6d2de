#include "server/archiving/completeness.h"

#include "server/people/audit.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

// "completeness" keeps all of them, oldest first; "completeness_latest" the newest of each mailbox.
constexpr std::string_view kAll = "completeness", kLatest = "completeness_latest";

std::string key_of(const Profile& profile, const std::string& mailbox) { return profile.id + "/" + mailbox; }
json::value or_null(const std::optional<Time>& time) { return time ? json::value(format_rfc3339(*time)) : json::value(nullptr); }

json::array view(const std::vector<NamedItem>& items) {
  json::array out;
  for (const auto& one : items) {
    out.push_back({{"item", one.item}, {"folder", one.folder}, {"received", format_rfc3339(one.received)}, {"reason", one.reason}});
  }
  return out;
}

json::object text_of(const ReconcileContext& context, const CompletenessStatement& statement, const StatementDetail& detail) {
  json::array gaps, left_out;
  for (const auto& gap : statement.gaps) gaps.push_back({{"folder", gap.folder}, {"reason", gap.reason}});
  for (const auto& folder : detail.left_out_folders) left_out.push_back(json::string(folder));
  return {{"version", 1},
          {"tenant", context.tenant.facts().slug},
          {"profile", context.profile.id},
          {"profile_name", context.profile.name},
          {"mailbox", context.mailbox.id},
          {"upn", context.mailbox.upn},
          {"archive", std::to_string(to_number(context.archive))},
          {"period", {{"since", or_null(context.profile.since)}, {"until", or_null(context.profile.until)}}},
          {"began_at", format_rfc3339(detail.began_at)},
          {"ended_at", format_rfc3339(detail.ended_at)},
          {"complete", statement.complete},
          {"at_source", statement.at_source},
          {"archived", statement.archived},
          {"quarantined", statement.quarantined},
          {"unread_left_out", statement.unread_left_out},
          {"not_archived", statement.not_archived},
          {"vanished", statement.vanished},
          {"found_by_comparison", statement.found},
          {"vanished_by_comparison", statement.newly_vanished},
          {"quarantined_items", view(detail.quarantined)},
          {"not_archived_items", view(detail.not_archived)},
          {"folders_left_out", std::move(left_out)},
          {"gaps", std::move(gaps)}};
}

}  // namespace

Result<void> keep_statement(const ReconcileContext& context, const CompletenessStatement& statement, const StatementDetail& detail) {
  const auto text = json::serialize(text_of(context, statement, detail));
  const auto digest = sha256(text).hex();
  const auto key = key_of(context.profile, context.mailbox.id);
  // The text is kept as it was hashed: serialising it anew may differ.
  const auto record = json::serialize(json::object{{"statement", text}, {"digest", digest}, {"profile", context.profile.id}, {"mailbox", context.mailbox.id},
                                                   {"ended_at", format_rfc3339(detail.ended_at)}});
  // The audit log is only ever appended to: a statement that is changed later no longer has its digest in it.
  auto noted = append_audit(context.tenant, {context.clock.now(), "", "kopial", "completeness.statement", digest, context.mailbox.upn, "", ""});
  if (!noted) return noted;
  return context.tenant.store().records().write({{std::string(kAll), key + "/" + format_rfc3339(detail.ended_at), record, std::nullopt},
                                                 {std::string(kLatest), key, record, std::nullopt}});
}

Result<std::optional<Time>> latest_statement_time(Tenant& tenant, const Profile& profile, const std::string& mailbox) {
  auto record = tenant.store().records().get(kLatest, key_of(profile, mailbox));
  if (!record) return record.error();
  if (!*record) return std::optional<Time>();
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  if (bad || !value.is_object()) return std::optional<Time>();  // A new one takes its place.
  const auto* ended = value.get_object().if_contains("ended_at");
  return ended != nullptr && ended->is_string() ? parse_rfc3339(std::string_view(ended->get_string())) : std::optional<Time>();
}

Result<StatementPage> latest_statements(Tenant& tenant, const std::string& profile, const std::string& mailbox, const std::string& after, std::size_t limit) {
  StatementPage page;
  std::string at = after;
  while (page.items.size() < limit) {
    auto listed = tenant.store().records().list(kLatest, at, 200);
    if (!listed) return listed.error();
    for (const auto& record : *listed) {
      at = record.id;
      json::error_code bad;
      auto value = json::parse(record.json, bad);
      if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "a completeness statement cannot be read"};
      auto& object = value.get_object();
      auto statement = json::parse(object.at("statement").as_string(), bad);
      if (bad || !statement.is_object()) return Error{ErrorCode::corrupt, "a completeness statement cannot be read"};
      const auto& facts = statement.get_object();
      if (!profile.empty() && facts.at("profile").as_string() != profile) continue;
      if (!mailbox.empty() && facts.at("mailbox").as_string() != mailbox && facts.at("upn").as_string() != mailbox) continue;
      page.items.push_back({{"statement", statement}, {"text", object.at("statement")}, {"digest", object.at("digest")}});
      if (page.items.size() == limit) {
        page.next = at;
        return page;
      }
    }
    if (listed->size() < 200) break;
  }
  return page;
}

}  // namespace kopial
