// Completeness statements as records: what was compared, when, and with what result; bound into the audit log by their digest.
#pragma once

#include <boost/json.hpp>

#include <string>
#include <vector>

#include "server/archiving/reconciliation.h"

namespace kopial {

struct NamedItem {
  std::string item, folder;
  Time received;
  std::string reason;
};
// What a statement holds besides its numbers. Lists are cut at some hundred entries; the numbers are whole.
struct StatementDetail {
  Time began_at, ended_at;
  std::vector<NamedItem> quarantined, not_archived;
  std::vector<std::string> left_out_folders;
};

Result<void> keep_statement(const ReconcileContext& context, const CompletenessStatement& statement, const StatementDetail& detail);

// The newest statement of each mailbox, of one profile or of all ("" = all), after `after` (a mailbox's key) in the order they were first
// made. Each is an object: "statement", "text" (the same as it was hashed), and "digest" (SHA-256 of the text).
struct StatementPage {
  boost::json::array items;
  std::string next;  // "" at the end
};
Result<StatementPage> latest_statements(Tenant& tenant, const std::string& profile, const std::string& mailbox, const std::string& after, std::size_t limit);

}  // namespace kopial
