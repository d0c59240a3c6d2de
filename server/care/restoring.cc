#include "server/care/restoring.h"

#include <fmt/format.h>

#include <chrono>

namespace kopial {
namespace fs = std::filesystem;
namespace {

Result<void> replay(TenantStore& store, const fs::path& journal, const Secret& key, Serial last, ErasureOutcome& sum) {
  std::error_code none;
  if (!fs::exists(journal, none)) return {};
  auto done = store.replay_erasures(journal, key, last);
  if (!done) return done.error().with_context("erasing again what was erased since the backup");
  sum.messages += done->messages;
  sum.copies += done->copies;
  return {};
}

Result<RestoreOutcome> prove(const BackupRecord& record, const Secret& key, const fs::path& folder, const fs::path& present) {
  auto store = TenantStore::open(folder, key, {});
  if (!store) return store.error().with_context("opening what was restored");
  RestoreOutcome outcome;
  const auto totals = (*store)->totals();
  if (!totals) return totals.error();
  if (totals->messages != record.messages || totals->copies != record.copies || totals->placements != record.placements || totals->last_change != record.last_change) {
    outcome.findings.push_back(fmt::format("the backup has {} messages, {} copies, {} placements up to change {}, and {}, {}, {} up to {} came back", record.messages,
                                           record.copies, record.placements, to_number(record.last_change), totals->messages, totals->copies, totals->placements,
                                           to_number(totals->last_change)));
  }
  auto checked = (*store)->check();
  if (!checked) outcome.findings.push_back(checked.error().message);
  else outcome.findings.insert(outcome.findings.end(), checked->begin(), checked->end());
  ErasureOutcome erased;
  if (auto done = replay(**store, folder / kNewerErasures, key, record.last_message, erased); !done) return done.error();
  if (!present.empty()) {
    if (auto done = replay(**store, present / kErasureJournal, key, record.last_message, erased); !done) return done.error();
  }
  std::error_code none;
  fs::remove(folder / kNewerErasures, none);
  outcome.text = fmt::format("backup {}: {} messages came back, every copy was rebuilt and compared, {} messages that were erased since were erased again", record.id,
                             record.messages, erased.messages);
  return outcome;
}

}  // namespace

Result<RestoreOutcome> restore_and_prove(const fs::path& backups, const std::string& id, const Secret& key, const fs::path& store, const fs::path& present,
                                         std::stop_token stop, const std::function<void(const BackupProgress&)>& progress) {
  auto record = restore_backup(backups, id, key, store, std::move(stop), progress);
  if (!record) return record.error();
  auto outcome = prove(*record, key, store, present);
  if (!outcome) return outcome;
  if (!outcome->findings.empty()) return Error{ErrorCode::corrupt, "what came back is not what was backed up: " + outcome->findings.front()};
  return outcome;
}

Result<RestoreOutcome> drill_backup(const fs::path& backups, const std::string& id, const Secret& key, const fs::path& scratch, std::stop_token stop,
                                    const std::function<void(const BackupProgress&)>& progress) {
  std::error_code bad;
  fs::remove_all(scratch, bad);
  const auto begun = std::chrono::steady_clock::now();
  RestoreOutcome outcome;
  auto record = restore_backup(backups, id, key, scratch, stop, progress);
  if (!record) {
    outcome.findings.push_back(record.error().message);
    outcome.text = "backup " + id + " cannot be restored";
  } else {
    auto proved = prove(*record, key, scratch, {});
    if (proved) outcome = *std::move(proved);
    else outcome.findings.push_back(proved.error().message);
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    outcome.text += fmt::format("; it took {:.1f} s for {} bytes", took, record->bytes);
  }
  fs::remove_all(scratch, bad);
  if (!record && record.error().code == ErrorCode::cancelled) return record.error();
  return outcome;
}

}  // namespace kopial
