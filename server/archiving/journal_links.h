// Which journal reports told of a message: from an original's copy to the copies of its reports.
//
// Only names of copies are kept. What the reports say (blind copies, lists, redirections) is read from them when it is asked for, so that
// it is gone with them when they are erased.
#pragma once

#include <optional>
#include <vector>

#include "server/tenants.h"
#include "storage/mail/journal_report.h"

namespace kopial {

struct JournalLink {
  CopyId original, report;
};

// Durable when it returns; repeating it is harmless.
Result<void> keep_journal_links(Records& records, const std::vector<JournalLink>& links);

struct MergedEnvelope {
  JournalEnvelope envelope;
  std::vector<CopyId> reports;  // those it was merged from
};
// What all reports that are still there say of a message with these copies; nullopt when none is.
Result<std::optional<MergedEnvelope>> merged_envelope(TenantStore& store, const std::vector<CopyId>& copies);

}  // namespace kopial
