// What happens at the source to mail that is archived: nothing, or it is deleted or moved there.
//
// An item is acted on only when all of this holds: it is listed at the source now, and not among the recoverable items; it is older than the profile says; it is not marked
// for follow-up, unless the profile does not care; the archived copy was read back from the store and has the digest of its name; and the
// item is at the source in the very state it was archived in (else it is archived anew first). The act itself is conditional on that
// state. When more of a mailbox would go than the profile allows, nothing goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/source.h"
#include "server/archiving/run_service.h"
#include "server/archiving/store_sink.h"

namespace kopial {

struct ActionContext {
  const Profile& profile;
  const SourceMailbox& mailbox;
  Source& source;
  StoreSink& sink;
  Tenant& tenant;
  Clock& clock;
  std::stop_token stop;
};

struct ActionPlan {
  std::uint64_t listed = 0;       // items at the source
  std::uint64_t would_go = 0;
  std::uint64_t too_young = 0, flagged = 0, not_archived = 0;  // why the others stay
  bool stopped = false;           // more would go than `share_max` allows
  std::vector<SourceItem> items;  // those that would go; at most kActionsAtOnce, the rest waits for the next run
  std::vector<SourceGap> gaps;
  unsigned share() const { return listed == 0 ? 0 : static_cast<unsigned>(would_go * 100 / listed); }
};
inline constexpr std::size_t kActionsAtOnce = 50'000;

// Changes nothing.
Result<ActionPlan> plan_after_archiving(const ActionContext& context);

struct ActionReport {
  std::uint64_t acted = 0, changed_meanwhile = 0, archived_anew = 0;
  std::vector<std::string> findings;
};
// Fails when the source or the store cannot be asked; what was done until then is done.
Result<ActionReport> act_after_archiving(const ActionContext& context);

}  // namespace kopial
