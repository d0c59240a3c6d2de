// From a journal report to the archives of the people it names: who had which address when the message was delivered.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "connectors/events.h"
#include "server/archiving/store_sink.h"

namespace kopial {

// Immutable once loaded, and so thread-safe.
class JournalPlacer {
 public:
  // Reads the tenant's archives and the addresses of their owners as they are now.
  static Result<JournalPlacer> load(Tenant& tenant, Clock& clock);

  // What is archived beside the report itself: its original, byte for byte, once for each archive that it belongs to. A report whose
  // original is absent or a winmail.dat is placed itself. Empty for a message that is no report.
  Beside place(const SourceItem& item, BytesView raw) const;

  // Archives to which the address led at that time. An address that users have had from and until some time led to the archives of those
  // who had it then; any other one leads to the archives that list it.
  std::set<ArchiveId> archives_of(const std::string& lower_case_address, Time at) const;

 private:
  struct Claim {
    std::optional<Time> from, until;
    std::vector<ArchiveId> archives;  // of the user who had it; none when he has no archive
  };
  std::map<std::string, std::vector<Claim>> claims_;
  std::map<std::string, std::set<ArchiveId>> listed_;
};

}  // namespace kopial
