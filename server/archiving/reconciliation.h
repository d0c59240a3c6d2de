// Reconciliation: the source's full listing, ids only, against what is archived. Change lists of services have gaps; this finds them.
//
// It ends in a statement per mailbox: how many items are at the source, and for each of them that it is archived, in quarantine, left
// out by the profile, or why not. A statement is `complete` only when nothing is unexplained. It is bound into the audit log by its
// digest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/source.h"
#include "server/archiving/run_service.h"
#include "server/archiving/store_sink.h"

namespace kopial {

struct ReconcileContext {
  const Profile& profile;
  const SourceMailbox& mailbox;
  ArchiveId archive{};
  Source& source;
  StoreSink& sink;
  Tenant& tenant;
  Clock& clock;
  std::stop_token stop;
};

struct CompletenessStatement {
  bool complete = false;
  std::uint64_t at_source = 0;    // items in the folders that are archived
  std::uint64_t archived = 0, quarantined = 0, unread_left_out = 0, not_archived = 0;
  std::uint64_t found = 0;        // archived now, because no change list had told of them
  std::uint64_t vanished = 0;     // gone from the source, kept in the archive
  std::uint64_t newly_vanished = 0;  // among them: no change list had told of it
  std::vector<SourceGap> gaps;
  std::vector<std::string> findings;  // for the run
};

// Fetches what is missing, closes what has vanished, and keeps the statement. `gaps` are those of the pull before.
// Fails when the source or the store cannot be read; there is no statement then.
Result<CompletenessStatement> reconcile(const ReconcileContext& context, const std::vector<SourceGap>& gaps);

// When the newest statement about this mailbox was made.
Result<std::optional<Time>> latest_statement_time(Tenant& tenant, const Profile& profile, const std::string& mailbox);

}  // namespace kopial
