// Mail back into a mailbox: one message, a selection, or a folder with all below it, into a folder that is made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/archiving/open_source.h"

namespace kopial {

struct RestoreWanted {
  std::string profile;                     // whose source is written to
  std::string mailbox;                     // name, address or id there
  std::string folder;                      // path in the mailbox
  ArchiveId from{};                        // the archive the messages lie in
  std::vector<Serial> messages;            // empty: the folder below
  std::optional<std::string> archive_folder;  // a folder of the archive, with all below it; "" = the whole archive
  std::string user_id, username;
};

struct RestoreView {
  std::string id, profile, mailbox, folder, username;
  std::string state;  // running, succeeded, succeeded_with_findings, failed, cancelled
  Time started_at;
  std::optional<Time> ended_at;
  std::uint64_t total = 0, restored = 0, failed = 0;
  std::map<std::string, std::uint64_t> lost;  // what, and of how many messages
  std::vector<std::string> errors;            // of single messages; the first ones
  std::string error;                          // "" = none
};

// Thread-safe. A restore that was under way at a restart goes on behind the last message that is known to be back; each message carries a
// marker in the mailbox, so that none is there twice.
class Restores {
 public:
  static std::unique_ptr<Restores> make(const RunEnvironment& environment);
  virtual ~Restores() = default;

  // The mailbox at the source, so that access can be decided before anything begins. not_found when there is none.
  virtual Result<SourceMailbox> target(Tenant& tenant, const std::string& profile, const std::string& mailbox) = 0;
  // Goes on in the background. rate_limited when too many are under way, invalid when there is nothing to restore.
  virtual Result<RestoreView> start(std::shared_ptr<Tenant> tenant, const RestoreWanted& wanted, const SourceMailbox& target) = 0;
  virtual Result<std::optional<RestoreView>> restore(Tenant& tenant, const std::string& id) = 0;
  virtual Result<std::vector<RestoreView>> list(Tenant& tenant, std::size_t limit) = 0;  // newest first
  virtual Result<void> cancel(Tenant& tenant, const std::string& id) = 0;
  // Goes on with what was under way when the process ended.
  virtual Result<void> resume(const std::shared_ptr<Tenant>& tenant) = 0;
  virtual void stop() = 0;
};

}  // namespace kopial
