// Care of the stores: scrubs, backups, restore drills, restores and compactions, as jobs in the background.
//
// Backups, drills, restores and compactions run one after the other on one thread, scrubs on another; both at the lowest priority the
// system knows. What a job came to is a record of the tenant and survives a restart, a scrub's position too.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/tenants.h"
#include "storage/backup.h"
#include "storage/scrub.h"

namespace kopial {

struct Settings;

enum class CareState : std::uint8_t { none, queued, running, succeeded, findings, failed, cancelled };
std::string_view to_string(CareState state);

struct CareJob {
  std::string kind;  // backup, drill, compaction, repair, restore, scrub
  CareState state = CareState::none;
  std::optional<Time> queued_at, started_at, ended_at;
  std::uint64_t bytes = 0, bytes_total = 0;
  std::string text;   // what came of it, in one sentence
  std::string error;  // "" = none
  std::string backup;  // id; of backups, drills and restores
  std::vector<std::string> findings;
};

struct ScrubStatus {
  CareJob job;
  ScrubReport report;                    // of the pass under way, else of the last one
  std::optional<Time> last_complete_at;  // when a pass last came to its end
};

// Thread-safe.
class CareService {
 public:
  virtual ~CareService() = default;

  // conflict when one is queued or running.
  virtual Result<CareJob> start_scrub(const std::string& slug, std::uint64_t bytes_per_second) = 0;
  virtual Result<ScrubStatus> scrub(Tenant& tenant) = 0;
  virtual void stop_scrub(const std::string& slug) = 0;
  // Mends damaged files from the tenant's backups; what no backup has is a finding. Then a scrub begins.
  virtual Result<CareJob> start_repair(const std::string& slug) = 0;

  // invalid when no folder for backups is configured.
  virtual Result<CareJob> start_backup(const std::string& slug) = 0;
  virtual Result<CareJob> start_drill(const std::string& slug, const std::string& backup) = 0;  // "" = the newest
  virtual Result<CareJob> start_restore(const std::string& slug, const std::string& backup) = 0;
  virtual Result<CareJob> start_compaction(const std::string& slug) = 0;
  // The last ones of each kind, newest first; a restore's is kept until the daemon stops.
  virtual Result<std::vector<CareJob>> jobs(const std::string& slug) = 0;
  virtual Result<std::vector<BackupRecord>> backups(const std::string& slug) = 0;
  // To be called after an erasure: so that no restore brings it back, and its bytes go.
  virtual void erased(Tenant& tenant) = 0;

  // Starts what is due by the schedule.
  virtual void keep_schedule() = 0;
  virtual void stop() = 0;
};
class Metrics;
std::unique_ptr<CareService> make_care_service(Tenants& tenants, const Settings& settings, Metrics& metrics, Clock& clock);

}  // namespace kopial
