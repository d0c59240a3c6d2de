#include "storage/eraser.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "storage/base/encoding.h"
#include "storage/evidence/entry.h"

namespace kopial {
namespace {

constexpr std::size_t kErasuresMax = 1000;
// A message that gets another copy while it is prepared is prepared again; a mailbox cannot go on with that for ever.
constexpr int kAttempts = 5;

}  // namespace

Result<ErasureOutcome> Eraser::erase(const std::vector<Erasure>& erasures) {
  if (erasures.size() > kErasuresMax) {
    return Error{ErrorCode::too_large, fmt::format("at most {} messages can be erased at once", kErasuresMax)};
  }
  const std::lock_guard lock(erasing_);
  return erase_locked(erasures);
}

Result<ErasureOutcome> Eraser::erase_locked(const std::vector<Erasure>& erasures) {
  std::set<Serial> messages;
  for (const auto& erasure : erasures) messages.insert(erasure.message);
  if (messages.size() != erasures.size()) return Error{ErrorCode::invalid, "a message is named twice"};

  for (int attempt = 1;; ++attempt) {
    committer_.watch(messages);
    auto prepared = prepare(erasures);
    if (!prepared) {
      committer_.watch({});
      return prepared.error();
    }
    if (prepared->erasures.empty()) {
      committer_.watch({});
      return ErasureOutcome{};
    }
    // In the journal first: an erasure that is done and not in it would come back with the next restore.
    auto group = journal_.begin(entries_of(*prepared));
    if (!group) {
      committer_.watch({});
      return group.error();
    }
    auto erased = committer_.erase(*prepared);
    committer_.watch({});
    // Where a write failed nobody knows whether it was kept; the next opening looks and ends the entry.
    const bool unknown = !erased && erased.error().code == ErrorCode::unavailable;
    if (!unknown) {
      if (auto ended = journal_.end(*group, erased.ok()); !ended) return ended.error();
    }
    if (erased || erased.error().code != ErrorCode::conflict || attempt == kAttempts) return erased;
  }
}

std::vector<ErasureJournal::Entry> Eraser::entries_of(const PreparedBatch& batch) const {
  std::vector<ErasureJournal::Entry> entries;
  for (const auto& erasure : batch.erasures) {
    auto& entry = entries.emplace_back();
    entry.message = erasure.message;
    entry.identity = names_.identity(erasure.identity);
    const bool all = std::all_of(erasure.copies.begin(), erasure.copies.end(), [](const auto& copy) { return copy.goes; });
    for (const auto& copy : erasure.copies) {
      if (!all && copy.goes) entry.copies.push_back(names_.erased_copy(copy.id));
    }
  }
  return entries;
}

Result<std::optional<Erasure>> Eraser::still_here(const ErasureJournal::Entry& entry) const {
  auto records = reader_.messages({&entry.message, 1});
  if (!records) return records.error();
  // Another store may have given the number to another message.
  if (records->empty() || names_.identity(records->front().identity) != entry.identity) return std::optional<Erasure>();
  Erasure erasure{entry.message, {}};
  for (const auto& copy : records->front().copies) {
    const auto tag = names_.erased_copy(copy);
    if (std::find(entry.copies.begin(), entry.copies.end(), tag) != entry.copies.end()) erasure.copies.push_back(copy);
  }
  if (!entry.copies.empty() && erasure.copies.empty()) return std::optional<Erasure>();
  return std::optional(std::move(erasure));
}

Result<void> Eraser::load() {
  std::map<std::uint64_t, bool> done;
  for (const auto& entry : journal_.entries()) {
    if (!entry.open) continue;
    auto here = still_here(entry);
    if (!here) return here.error();
    const bool gone = !*here;
    const auto [found, fresh] = done.emplace(entry.group, gone);
    if (!fresh) found->second = found->second && gone;
  }
  for (const auto& [group, gone] : done) {
    if (auto ended = journal_.end(group, gone); !ended) return ended;
  }
  journal_.forget_ended();
  return {};
}

Result<ErasureOutcome> Eraser::replay(const std::filesystem::path& path, const Secret& tenant_key, Serial last) {
  auto newer = ErasureJournal::open(path, tenant_key);
  if (!newer) return newer.error();
  const std::lock_guard lock(erasing_);
  ErasureOutcome outcome;
  std::vector<Erasure> erasures;
  const auto erase_them = [&]() -> Result<void> {
    auto done = erase_locked(erasures);
    if (!done) return done.error();
    outcome.messages += done->messages;
    outcome.copies += done->copies;
    outcome.placements += done->placements;
    outcome.parts += done->parts;
    erasures.clear();
    return {};
  };
  for (const auto& entry : newer->entries()) {
    if (entry.message > last) continue;
    auto here = still_here(entry);
    if (!here) return here.error();
    if (!*here) continue;
    // The same message may be named by several entries, one for each of its copies.
    const bool named = std::any_of(erasures.begin(), erasures.end(), [&](const Erasure& one) { return one.message == entry.message; });
    if (named || erasures.size() == kErasuresMax) {
      if (auto done = erase_them(); !done) return done.error();
    }
    erasures.push_back(**std::move(here));
  }
  if (!erasures.empty()) {
    if (auto done = erase_them(); !done) return done.error();
  }
  // What the backup's time did not know stays known, also for the next restore.
  if (auto merged = journal_.merge(*newer); !merged) return merged.error();
  return outcome;
}

Result<PreparedBatch> Eraser::prepare(const std::vector<Erasure>& erasures) const {
  PreparedBatch batch;
  for (const auto& erasure : erasures) {
    if (auto done = prepare(erasure, batch.erasures); !done) return done.error();
  }
  std::map<Serial, PreparedErasure*> wanted;
  for (auto& erasure : batch.erasures) wanted[erasure.message] = &erasure;
  if (wanted.empty()) return batch;
  if (auto found = find_seen(wanted); !found) return found.error();
  if (auto found = find_changes(wanted); !found) return found.error();
  return batch;
}

Result<void> Eraser::prepare(const Erasure& erasure, std::vector<PreparedErasure>& prepared) const {
  auto records = reader_.messages({&erasure.message, 1});
  if (!records) return records.error();
  if (records->empty()) return {};
  const auto& record = records->front();
  PreparedErasure made;
  made.message = erasure.message;
  made.identity = record.identity;
  for (const auto& id : record.copies) {
    auto value = database_.get(kCopies, id.view());
    if (!value) return value.error();
    const auto copy = *value ? decode_copy(**value) : std::nullopt;
    if (!copy) return Error{ErrorCode::corrupt, fmt::format("the row of copy {} cannot be read", id.hex())};
    const auto named = std::find(erasure.copies.begin(), erasure.copies.end(), id);
    PreparedErasure::Copy& one = made.copies.emplace_back();
    one.id = id;
    one.raw_bytes = copy->raw_bytes;
    one.goes = erasure.copies.empty() || named != erasure.copies.end();
    if (!one.goes) continue;
    auto recipe = reader_.recipe(*copy);
    if (!recipe) return recipe.error().with_context("copy " + id.hex());
    for (const auto& step : recipe->steps) {
      if (step.kind != Step::Kind::literal) ++one.references[step.part];
    }
  }
  if (std::any_of(made.copies.begin(), made.copies.end(), [](const auto& copy) { return copy.goes; })) prepared.push_back(std::move(made));
  return {};
}

Result<void> Eraser::find_seen(std::map<Serial, PreparedErasure*>& wanted) const {
  auto rows = database_.range(kSeen, "", "");
  for (; rows.valid(); rows.next()) {
    const auto row = decode_seen(rows.value());
    if (!row) return Error{ErrorCode::corrupt, "a row of seen items cannot be read"};
    if (row->erased) continue;
    if (const auto found = wanted.find(row->serial); found != wanted.end()) found->second->seen_keys.emplace_back(rows.key());
  }
  return rows.status();
}

Result<void> Eraser::find_changes(std::map<Serial, PreparedErasure*>& wanted) const {
  auto rows = database_.range(kChanges, "", "");
  for (; rows.valid(); rows.next()) {
    Decoder key(rows.key());
    const Sequence sequence{key.fixed64()};
    const auto change = decode_change(sequence, rows.value());
    if (!key.done() || !change) return Error{ErrorCode::corrupt, "a change cannot be read"};
    if (const auto found = wanted.find(change->serial); found != wanted.end()) found->second->changes.push_back(sequence);
    for (auto& [serial, erasure] : wanted) erasure->changes_until = sequence;
  }
  if (auto status = rows.status(); !status) return status;

  auto events = database_.range(kEvents, "", "");
  for (; events.valid(); events.next()) {
    const auto stored = decode_stored_entry(events.value());
    if (!stored) return Error{ErrorCode::corrupt, "an entry of the evidence cannot be read"};
    for (auto& [serial, erasure] : wanted) erasure->events_until = stored->leaf + 1;
    if (stored->erased || stored->kind != EntryKind::noted) continue;
    const auto said = decode_entry(stored->canonical);
    if (!said) return Error{ErrorCode::corrupt, "an entry of the evidence cannot be read"};
    for (const auto& fact : said->facts) {
      if (fact.type != FactType::placed && fact.type != FactType::unplaced) continue;
      const auto found = wanted.find(fact.serial);
      if (found != wanted.end() && (found->second->events.empty() || found->second->events.back() != stored->leaf)) found->second->events.push_back(stored->leaf);
    }
  }
  return events.status();
}

}  // namespace kopial
