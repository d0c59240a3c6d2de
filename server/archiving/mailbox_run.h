// One mailbox of a run: what is new, then backfill, then what is due of reconciliation and the actions after archiving.
#pragma once

#include <atomic>
#include <mutex>

#include "server/archiving/journal_placer.h"
#include "server/archiving/live_run.h"
#include "server/archiving/open_source.h"

namespace kopial {

// For one thread at a time, until `finished`.
class MailboxRun {
 public:
  // `row` is the mailbox's row of the run. `named`: the profile asks for this very mailbox.
  MailboxRun(const Profile& profile, SourceMailbox mailbox, std::size_t row, bool named, Source& source, LiveRun& run, const RunEnvironment& environment);

  enum class Turn : std::uint8_t {
    fresh,     // what is new; of folders that were never read to their end only today's mail
    backfill,  // all the rest, until `until`
  };
  // One turn; a mailbox without backfill is finished by a fresh one.
  void work(Turn turn, std::optional<Time> recent_since, std::optional<Time> until);
  bool finished() const { return finished_; }
  // What came since it finished: others may need days.
  void freshen();

 private:
  Result<PullReport> pull(const PullOptions& options);
  void conclude();
  Result<void> reconcile_if_due();
  Result<void> act_if_wanted();
  void end(const Result<void>& done);
  bool note_gone();
  void change(const std::function<void(MailboxProgress&)>& action) { run_.change_mailbox(row_, action); }
  Result<ArchiveId> archive();

  const Profile& profile_;
  SourceMailbox mailbox_;
  const std::size_t row_;
  const bool named_;
  Source& source_;
  LiveRun& run_;
  const RunEnvironment& environment_;
  bool begun_ = false, finished_ = false;
  std::mutex mutex_;
  std::optional<ArchiveId> archive_;
  std::atomic<bool> paused_ = false;
  std::optional<JournalPlacer> placer_;  // of journal mailboxes: whose archives a report's original goes into
  std::unique_ptr<StoreSink> sink_;
  PullReport last_;  // of the turn that finished
};

}  // namespace kopial
