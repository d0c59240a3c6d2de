// A place mail comes from, whatever protocol it speaks: what archiving needs of a connector. Each protocol implements this once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/events.h"

namespace kopial {

class SourceActions;  // connectors/source_actions.h

struct PullOptions {
  // Mail received since then comes first in folders whose first listing is not finished; the rest of those folders is backfill.
  std::optional<Time> recent_since;
  bool backfill = true;  // false: leave backfill for a later pull, and say so in PullReport::unfinished
  // After this moment backfill stops at the next safe point (a saved cursor), so that today's mail of every mailbox gets its turn.
  std::optional<Time> backfill_until;
};

// Receives everything that lies at the source now. Calls may come from several threads at once; an error ends the listing.
class ListingSink {
 public:
  virtual ~ListingSink() = default;
  // One page of a folder: id, change_key, version, received and flagged are filled. Every folder that was read gives at least one
  // page, if only an empty one, and the last one of a folder has `last` set: a folder without it was not read to its end.
  virtual Result<void> page(const std::string& folder, std::vector<SourceItem> items, bool last) = 0;
};

struct ListReport {
  std::vector<SourceGap> gaps;        // folders that could not be listed, and why
  std::vector<std::string> left_out;  // paths of folders that the profile leaves out
  std::uint64_t requests = 0;
};

// Thread-safe: several mailboxes are worked on at once.
class Source {
 public:
  virtual ~Source() = default;

  // Tries to sign in and read the directory, or one mailbox. The error is a sentence for an administrator.
  virtual Result<void> check(std::stop_token stop) = 0;

  // All mailboxes this sign-in may know about. Users without a mailbox are found out by `pull`; one whose id is "" is found out by
  // `identify` when its turn comes.
  virtual Result<std::vector<SourceMailbox>> mailboxes(std::stop_token stop) = 0;
  // not_found when there is none of that name.
  virtual Result<SourceMailbox> mailbox(const std::string& name_or_id, std::stop_token stop) = 0;
  // Some sources tell a mailbox's id only by asking that mailbox: the same mailbox with its id.
  virtual Result<SourceMailbox> identify(const SourceMailbox& mailbox, std::stop_token) { return mailbox; }
  // Further mailboxes of the same owner, such as an in-place archive; asked for only when the profile wants them. Empty when there
  // are none; an error when that cannot be found out (then it is a gap, and no mailbox is reported complete).
  virtual Result<std::vector<SourceMailbox>> further_mailboxes(const SourceMailbox&, std::stop_token) { return std::vector<SourceMailbox>(); }

  // What changed since the cursors. Fails with not_found (no such mailbox, or elsewhere), denied, cancelled, unavailable; a folder
  // that fails alone is a gap of the report.
  virtual Result<PullReport> pull(const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token stop) = 0;

  // Everything that is there now in the folders that are archived, ids only, independent of cursors: what reconciliation compares with.
  virtual Result<ListReport> list(const SourceMailbox& mailbox, ListingSink& sink, std::stop_token stop) = 0;
  // The bytes of one listed item, given to the sink as message, quarantined, vanished or failed.
  virtual Result<void> fetch(const SourceMailbox& mailbox, const SourceItem& item, EventSink& sink, std::stop_token stop) = 0;
  // The item as it is now; nullopt when it is gone, and when it lies in a folder that is not archived, `folder` is "".
  virtual Result<std::optional<SourceItem>> locate(const SourceMailbox& mailbox, const std::string& item, std::stop_token stop) = 0;

  // nullptr when this source can only be read.
  virtual SourceActions* actions() { return nullptr; }
};

}  // namespace kopial
