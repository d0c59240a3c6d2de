// Profiles and their runs: what to pull, when, and how it went.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/tenants.h"

namespace kopial {

enum class RunState : std::uint8_t { queued, running, succeeded, succeeded_with_findings, failed, cancelled };
std::string_view to_string(RunState state);

struct MailboxProgress {
  std::string mailbox, upn, display_name;
  std::optional<ArchiveId> archive;
  std::string state;  // waiting, running, done, skipped (no mailbox), stopped, failed
  std::uint64_t expected = 0, seen = 0, archived = 0, already_archived = 0, quarantined = 0, vanished = 0, moved = 0, failed = 0, bytes = 0;
  std::optional<Time> started_at, ended_at;
  double rate = 0;                      // messages a second
  std::optional<std::uint64_t> eta_seconds;
  std::string error;                    // "" = none
  std::vector<std::string> findings;
  std::uint64_t removed_at_source = 0;  // deleted or moved there after archiving
  std::optional<bool> complete;         // what this run's comparison with the source came to; nullopt: none was made
};

// How one run is started.
struct RunOptions {
  bool reconcile = false;  // compare with the source's full listing, whether due or not
};

struct RunView {
  std::string id, profile, profile_name;
  RunState state = RunState::queued;
  std::optional<Time> queued_at, started_at, ended_at;
  std::vector<MailboxProgress> mailboxes;
  std::string error;
  bool paused = false;              // waits for `resume`, over restarts too
  std::optional<Time> blocked_until;  // waits for the end of a blocked time
  RunOptions options;
  std::uint64_t revision = 0;  // grows with each change: for live progress
};

struct ProfileSchedule {
  std::optional<std::chrono::seconds> every;
  std::string cron;
  std::vector<std::string> blocked;  // times at which no run works: blocked_times.h
};

// What happens at the source to mail that is archived.
struct AfterArchiving {
  enum class Action : std::uint8_t { keep, remove, move } action = Action::keep;
  std::chrono::seconds older_than{0};  // since it was received
  bool except_flagged = true;
  std::string move_to;                 // a folder's path, for move
  unsigned share_max = 50;             // of a mailbox's items, in percent: when more would go, nothing goes
};
struct Profile {
  std::string id;
  ProfileId number{};
  std::uint64_t revision = 0;
  std::string name, kind, credential;
  bool all_mailboxes = true;
  std::vector<std::string> include_mailboxes, exclude_mailboxes;
  std::vector<std::string> include_folders, exclude_folders;
  bool default_folder_exclusions = true;
  std::optional<Time> since, until;
  bool unread = true;              // unread mail is archived, too; false: once it has been read
  bool recoverable_items = false;  // what its owner has deleted, and Exchange still keeps
  bool in_place_archives = false;  // the archive mailboxes that Exchange keeps beside a mailbox
  AfterArchiving after_archiving;
  ProfileSchedule schedule;
  bool paused = false;             // its schedule starts nothing
  std::chrono::seconds reconcile_every{std::chrono::hours(7 * 24)};  // 0: only when asked for
  std::size_t parallel = 4;  // mailboxes at once
};


struct ActionPlan;  // after_archiving.h
class Restores;     // restores.h

// Thread-safe.
class RunService {
 public:
  virtual ~RunService() = default;

  virtual Result<Profile> create_profile(Tenant& tenant, Profile profile) = 0;
  virtual Result<Profile> update_profile(Tenant& tenant, Profile profile) = 0;  // compares revision
  virtual Result<std::vector<Profile>> profiles(Tenant& tenant) = 0;
  virtual Result<std::optional<Profile>> profile(Tenant& tenant, const std::string& id) = 0;
  virtual Result<void> remove_profile(Tenant& tenant, const std::string& id) = 0;

  // conflict when a run of that profile is queued or running.
  virtual Result<RunView> start(std::shared_ptr<Tenant> tenant, const std::string& profile, const RunOptions& options = {}) = 0;
  virtual Result<std::vector<RunView>> runs(Tenant& tenant, const std::string& profile, std::size_t limit) = 0;  // newest first; "" = all
  virtual Result<std::optional<RunView>> run(Tenant& tenant, const std::string& id) = 0;
  virtual Result<void> cancel(Tenant& tenant, const std::string& id) = 0;
  // Stops at a safe point and holds its place until `go_on`. conflict when the run is over.
  virtual Result<void> pause(Tenant& tenant, const std::string& id) = 0;
  virtual Result<void> go_on(Tenant& tenant, const std::string& id) = 0;
  // What would be removed at the source of this mailbox, were the profile run now. Changes nothing.
  virtual Result<ActionPlan> preview(Tenant& tenant, const std::string& profile, const std::string& mailbox, std::stop_token stop) = 0;
  virtual Restores& restores() = 0;

  // Waits until the run's revision is above `revision`, or `wait` has passed, or `stop`.
  virtual Result<RunView> wait_for_change(Tenant& tenant, const std::string& id, std::uint64_t revision,
                                          std::chrono::milliseconds wait, std::stop_token stop) = 0;

  // Runs that were queued or running when the process ended go on; schedules begin.
  virtual Result<void> resume() = 0;
  // Cancels nothing: asks running pulls to stop at a safe point, so that the next start goes on. Returns when they have.
  virtual void stop() = 0;
};

struct Settings;
class Metrics;
std::unique_ptr<RunService> make_run_service(Tenants& tenants, const Settings& settings, Metrics& metrics, Clock& clock);

}  // namespace kopial
