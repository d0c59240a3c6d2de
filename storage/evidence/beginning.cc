#include "storage/evidence/beginning.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/blob_coder.h"
#include "storage/committer.h"
#include "storage/crypto/digest.h"
#include "storage/database.h"
#include "storage/layout.h"
#include "storage/record_book.h"
#include "storage/values.h"

namespace kopial {
namespace {

// Where audit events lay before the log held them.
constexpr std::string_view kAuditRecords = "audit";
// A step keeps the writer for some tens of milliseconds, and a few megabytes of memory.
constexpr std::size_t kChangesMax = 500, kRowsMax = 1000, kAuditMax = 200, kQuarantineMax = 20;
// An entry of many rows stays small enough for a proof.
constexpr std::size_t kFactsMax = 50;

Fact earlier(std::optional<Time> at = std::nullopt) {
  Fact fact;
  fact.type = FactType::earlier;
  fact.earlier = at;
  return fact;
}

Fact note(std::string_view what, const State& state) {
  Fact fact;
  fact.type = FactType::note;
  fact.text = fmt::format(R"({{"log":"{}","changes":{},"messages":{},"copies":{},"placements":{},"quarantined":{}}})", what, state.last_sequence, state.messages,
                          state.copies, state.placements, state.last_quarantine);
  return fact;
}

Bytes behind(Bytes key) {
  if (!key.empty()) key.push_back('\0');
  return key;
}

}  // namespace

Result<bool> has_rows_without_state(const Database& database) {
  for (const auto family : {kRecords, kCursors}) {
    auto rows = database.range(family, "", "");
    if (rows.valid()) return true;
    if (auto status = rows.status(); !status) return status.error();
  }
  return false;
}

Result<bool> LogBeginning::run(const std::stop_token& stop, std::optional<std::chrono::milliseconds> time) {
  const auto begun = std::chrono::steady_clock::now();
  while (true) {
    const State state = committer_.state();
    if (state.beginning == kBeginningNone) return true;
    if (stop.stop_requested() || (time && std::chrono::steady_clock::now() - begun >= *time)) return false;
    if (state.is_before_records()) {
      if (auto done = begin(state); !done) return done.error();
      continue;
    }
    auto step = next(state);
    if (!step) return step.error();
    if (auto done = write(*step); !done) return done.error();
  }
}

Result<void> LogBeginning::write(const Step& step) {
  return committer_.commit([&](BatchBuilder& builder) {
    for (const auto& [kind, facts] : step.events) builder.add_event(kind, facts);
    for (const auto& [sequence, entry] : step.changes) builder.take_change(sequence, entry);
    for (const auto& row : step.rows) builder.add_row(static_cast<Family>(row.family), row.key, row.value);
    builder.set_beginning(step.stage, step.at);
  });
}

// The first step, with all records at once: they change while the log begins, and from here on each change is a leaf.
Result<void> LogBeginning::begin(const State& state) {
  Step step;
  step.stage = kBeginningAudit;
  step.at = "b";
  step.events.push_back({EntryKind::begun, {earlier(), note("begins in a store that was there before", state)}});
  return records_.take_all([&](std::vector<Fact> facts, std::uint64_t) {
    for (std::size_t i = 0; i < facts.size(); ++i) {
      if (i % kFactsMax == 0) step.events.push_back({EntryKind::record, {earlier()}});
      step.events.back().second.push_back(std::move(facts[i]));
    }
    return write(step);
  });
}

Result<LogBeginning::Step> LogBeginning::next(const State& state) const {
  Step step;
  step.stage = state.beginning;
  step.at = state.beginning_at;
  const auto done = [&]() -> Result<void> {
    switch (step.stage) {
      case kBeginningAudit: return take_audit(step);
      case kBeginningChanges: return take_changes(step);
      case kBeginningFolders: return take_folders(step);
      case kBeginningSeen: return take_rows(step, kSeen);
      case kBeginningSeenItems: return take_rows(step, kSeenItems);
      case kBeginningCursors: return take_rows(step, kCursors);
      default: return take_quarantine(step);
    }
  }();
  if (!done) return done.error();
  if (step.stage <= kBeginningLast) return step;
  step.events.push_back({EntryKind::begun, {earlier(), note("has all that was there before", state)}});
  step.stage = kBeginningNone;
  step.at.clear();
  return step;
}

// An event moves: its record goes in the batch that writes its leaf, so the next step begins with the first one there is.
Result<void> LogBeginning::take_audit(Step& step) const {
  auto records = records_.first(kAuditRecords, kAuditMax);
  if (!records) return records.error();
  for (auto& record : *records) {
    Fact event;
    event.type = FactType::audit;
    event.text = std::move(record.json);
    step.events.push_back({EntryKind::audit, {earlier(), std::move(event)}});
    for (auto& key : record.keys) step.rows.push_back({kRecords, std::move(key), std::nullopt});
  }
  if (records->size() == kAuditMax) return {};
  ++step.stage;
  step.at.clear();
  return {};
}

Result<void> LogBeginning::take_changes(Step& step) const {
  const std::uint64_t last = step.at.empty() ? 0 : Decoder(step.at).fixed64();
  auto rows = database_.range(kChanges, sequence_key(Sequence{last + 1}), "");
  for (; rows.valid() && step.changes.size() < kChangesMax; rows.next()) {
    Decoder key(rows.key());
    const Sequence sequence{key.fixed64()};
    const auto change = decode_change(sequence, rows.value());
    if (!key.done() || !change) return Error{ErrorCode::corrupt, fmt::format("change {} cannot be read, so the evidence log cannot begin with it", to_number(sequence))};
    auto entry = taken(*change, step);
    if (!entry) return entry.error();
    step.changes.emplace_back(sequence, *std::move(entry));
    step.at = sequence_key(sequence);
  }
  if (auto status = rows.status(); !status) return status;
  if (rows.valid()) return {};
  ++step.stage;
  step.at.clear();
  return {};
}

// A row that is damaged, or not there, gets no leaf: the verifier will miss it. What the store holds of the copy and the message that a change brought: its rows, and the placements of this copy.
Result<Entry> LogBeginning::taken(const Change& change, Step& step) const {
  Entry entry{static_cast<EntryKind>(change.kind), {}, change.serial, change.copy, {}};
  entry.facts.push_back(earlier());
  if (change.kind != ChangeKind::message_added && change.kind != ChangeKind::copy_added) return entry;

  if (change.copy != CopyId{}) {
    auto row = database_.get(kCopies, change.copy.view());
    if (!row) return row.error();
    const auto copy = *row ? decode_copy(**row) : std::nullopt;
    if (copy && copy->serial == change.serial) entry.facts.push_back({.type = FactType::copy, .bytes = copy->raw_bytes, .defects = copy->defects});
  }
  const Bytes message_key = serial_key(change.serial);
  if (change.kind == ChangeKind::message_added) {
    auto row = database_.get(kMessages, message_key);
    if (!row) return row.error();
    if (auto message = *row ? decode_message(**row) : std::nullopt) {
      entry.facts.front().earlier = message->archived_at;
      message->added = change.sequence;
      step.rows.push_back({kMessages, message_key, encode(*message)});
      message->more_copies = false;
      entry.facts.push_back({.type = FactType::message, .serial = change.serial, .digest = sha256(encode(*message))});
    }
  }
  if (change.copy == CopyId{}) return entry;
  auto places = database_.range(kMessagePlacements, message_key, after_prefix(message_key));
  for (; places.valid(); places.next()) {
    const auto place = parse_message_placement_key(places.key());
    const auto value = decode_placement(places.value());
    if (place && value && value->copy == change.copy) entry.facts.push_back(placed_fact(*place, *value));
  }
  if (auto status = places.status(); !status) return status.error();
  return entry;
}

Result<void> LogBeginning::take_folders(Step& step) const {
  const std::size_t key_bytes = folder_key(ArchiveId{}, FolderNumber{}).size();
  std::size_t seen = 0;
  auto rows = database_.range(kArchives, behind(step.at), "");
  for (; rows.valid() && seen < kRowsMax; rows.next(), ++seen) {
    step.at = rows.key();
    if (rows.key().size() != key_bytes) continue;
    Decoder key(rows.key());
    const ArchiveId archive{key.fixed32()};
    const auto folder = key.fixed32();
    const auto value = decode_folder(rows.value());
    if (!value) continue;
    step.events.push_back({EntryKind::noted, {earlier(), {.type = FactType::folder, .archive = archive, .folder = folder, .text = value->path}}});
  }
  if (auto status = rows.status(); !status) return status;
  if (rows.valid()) return {};
  ++step.stage;
  step.at.clear();
  return {};
}

Result<void> LogBeginning::take_rows(Step& step, std::size_t family) const {
  std::size_t seen = 0;
  auto rows = database_.range(family, behind(step.at), "");
  for (; rows.valid() && seen < kRowsMax; rows.next(), ++seen) {
    step.at = rows.key();
    if (seen % kFactsMax == 0) step.events.push_back({EntryKind::noted, {earlier()}});
    step.events.back().second.push_back(row_fact(static_cast<std::uint8_t>(family), rows.key(), Bytes(rows.value())));
  }
  if (auto status = rows.status(); !status) return status;
  if (rows.valid()) return {};
  ++step.stage;
  step.at.clear();
  return {};
}

Result<void> LogBeginning::take_quarantine(Step& step) const {
  std::size_t seen = 0;
  auto rows = database_.range(kQuarantine, step.at.empty() ? Bytes("q") : behind(step.at), after_prefix("q"));
  for (; rows.valid() && seen < kQuarantineMax; rows.next(), ++seen) {
    step.at = rows.key();
    Decoder key(rows.key().substr(1));
    const auto number = key.fixed64();
    const auto value = decode_quarantine(rows.value());
    if (!key.done() || !value) continue;
    auto stored = database_.get(kQuarantineBytes, rows.key());
    if (!stored) return stored.error();
    Fact fact{.type = FactType::quarantined, .digest = sha256(rows.value()), .number = number};
    // Bytes that cannot be read get a digest that nothing has: the verifier will say so.
    const auto bytes = *stored ? coder_.load(**stored, value->bytes) : Result<Bytes>(Error{});
    if (bytes) fact.content = sha256(*bytes);
    step.events.push_back({EntryKind::quarantined, {earlier(value->at), std::move(fact)}});
  }
  if (auto status = rows.status(); !status) return status;
  if (rows.valid()) return {};
  ++step.stage;
  step.at.clear();
  return {};
}

}  // namespace kopial
