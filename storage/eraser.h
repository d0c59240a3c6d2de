// The part of erasing that needs no lock: finding everything that names a message.
//
// Most rows of a message have its serial in their keys. The rows of its items at their sources and its changes have not (that would
// cost every message that is never erased a row), so those two families are read through: seconds for millions of messages, and less
// than the compaction that follows.
#pragma once

#include <mutex>
#include <vector>

#include "storage/committer.h"
#include "storage/erasure_journal.h"
#include "storage/tenant_reader.h"

namespace kopial {

// Thread-safe; one erasure after the other.
class Eraser {
 public:
  Eraser(const Database& database, const Names& names, const TenantReader& reader, Committer& committer, ErasureJournal journal)
      : database_(database), names_(names), reader_(reader), committer_(committer), journal_(std::move(journal)) {}

  // Ends what a crash left open in the journal: done when the message is gone, else cancelled. To be called once, before anything else.
  Result<void> load();

  // TenantStore::erase.
  Result<ErasureOutcome> erase(const std::vector<Erasure>& erasures);
  // TenantStore::replay_erasures.
  Result<ErasureOutcome> replay(const std::filesystem::path& journal, const Secret& tenant_key, Serial last);

 private:
  Result<ErasureOutcome> erase_locked(const std::vector<Erasure>& erasures);
  std::vector<ErasureJournal::Entry> entries_of(const PreparedBatch& batch) const;
  // What of an entry is still here, as an erasure; nullopt: nothing.
  Result<std::optional<Erasure>> still_here(const ErasureJournal::Entry& entry) const;

  Result<PreparedBatch> prepare(const std::vector<Erasure>& erasures) const;
  // Leaves the message out when it is not there.
  Result<void> prepare(const Erasure& erasure, std::vector<PreparedErasure>& prepared) const;
  Result<void> find_seen(std::map<Serial, PreparedErasure*>& wanted) const;
  Result<void> find_changes(std::map<Serial, PreparedErasure*>& wanted) const;

  const Database& database_;
  const Names& names_;
  const TenantReader& reader_;
  Committer& committer_;
  ErasureJournal journal_;
  std::mutex erasing_;  // guards the journal, too
};

}  // namespace kopial
