// How TenantStore::scrub and TenantStore::repair do it.
#pragma once

#include "storage/live_files.h"
#include "storage/scrub.h"
#include "storage/tenant_reader.h"

namespace kopial {

// For one pass, on one thread.
class Scrubber {
 public:
  Scrubber(Database& database, const TenantReader& reader, Serial last, Clock& clock, const ScrubOptions& options)
      : database_(database), reader_(reader), last_(last), options_(options), pace_(options.bytes_per_second, clock) {}

  Result<ScrubReport> run();

 private:
  Result<bool> files(std::uint64_t after);  // false: stopped
  Result<bool> messages(Serial after);
  bool copy(Serial message, const CopyId& id);
  void say(ScrubFinding finding);
  void tell(bool now = false);

  Database& database_;
  const TenantReader& reader_;
  const Serial last_;
  const ScrubOptions& options_;
  Pace pace_;
  ScrubReport report_;
  std::uint64_t told_ = 0;
};

}  // namespace kopial
