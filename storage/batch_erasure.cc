// Erasing: the half of the batch builder that takes away.
#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/batch_builder.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/log.h"

namespace kopial {
namespace {

Error unreadable(Family family) {
  return Error{ErrorCode::corrupt, std::string("a row of ") + tenant_families()[family].name + " cannot be read"};
}

bool goes(const PreparedErasure& erasure, const CopyId& id) {
  return std::any_of(erasure.copies.begin(), erasure.copies.end(), [&](const auto& copy) { return copy.goes && copy.id == id; });
}

// Whether an entry that is no change tells of something that goes.
bool names(const PreparedErasure& erasure, const Entry& entry) {
  const bool all = std::all_of(erasure.copies.begin(), erasure.copies.end(), [](const auto& copy) { return copy.goes; });
  return std::any_of(entry.facts.begin(), entry.facts.end(), [&](const Fact& fact) {
    if (fact.type == FactType::placed) return fact.serial == erasure.message && goes(erasure, fact.copy);
    return fact.type == FactType::unplaced && fact.serial == erasure.message && all;
  });
}

}  // namespace

Result<ErasureOutcome> BatchBuilder::erase(const std::vector<PreparedErasure>& erasures,
                                           const std::vector<std::pair<Serial, Bytes>>& seen_rows,
                                           const std::function<Result<void>(Serial)>& may_erase) {
  ErasureOutcome outcome;
  for (const auto& erasure : erasures) {
    if (may_erase) {
      if (auto allowed = may_erase(erasure.message); !allowed) return allowed.error();
    }
    if (auto done = erase(erasure, outcome); !done) return done.error();
  }
  for (const auto& [message, key] : seen_rows) {
    for (const auto& erasure : erasures) {
      if (erasure.message != message) continue;
      if (auto done = erase_seen(erasure, key); !done) return done.error();
      end_entry(message);
    }
  }
  // Each pack once, however many of its pieces go.
  if (auto done = packs_.erase(rows_, BlobKind::recipe, erased_recipes_); !done) return done.error();
  if (auto done = packs_.erase(rows_, BlobKind::part, erased_parts_); !done) return done.error();
  return outcome;
}

Result<void> BatchBuilder::erase(const PreparedErasure& erasure, ErasureOutcome& outcome) {
  for (const auto step : {&BatchBuilder::erase_copies, &BatchBuilder::erase_placements}) {
    if (auto done = (this->*step)(erasure, outcome); !done) return done;
  }
  for (const auto& key : erasure.seen_keys) {
    if (auto done = erase_seen(erasure, key); !done) return done;
  }
  auto leaves = redact_entries(erasure);
  if (!leaves) return leaves.error();
  const bool all = std::all_of(erasure.copies.begin(), erasure.copies.end(), [](const auto& copy) { return copy.goes; });
  add_change(ChangeKind::erased, erasure.message, CopyId{});
  entries_.back().entry.facts.push_back({.type = FactType::erased, .serial = erasure.message, .number = all ? 1u : 2u, .leaves = *std::move(leaves)});
  if (!all) {
    if (auto done = state_what_stays(erasure); !done) return done;
  }
  end_entry(erasure.message);
  return {};
}

Result<void> BatchBuilder::erase_copies(const PreparedErasure& erasure, ErasureOutcome& outcome) {
  const Bytes message_key = serial_key(erasure.message);
  auto bytes = read(kMessages, message_key);
  if (!bytes) return bytes.error();
  const Error changed{ErrorCode::conflict, "the message got another copy, or lost one, while it was being erased; repeat"};
  if (!*bytes) return changed;
  auto message = decode_message(**bytes);
  if (!message) return unreadable(kMessages);

  std::vector<std::pair<CopyId, Bytes>> rows{{message->first_copy, ""}};  // and the key of a further copy's row
  auto further = database_.range(kMessages, further_copy_key(erasure.message, Sequence{0}), after_prefix(message_key));
  for (; further.valid(); further.next()) {
    const auto id = CopyId::from_bytes(decode_text(further.value()).value_or(""));
    if (!id) return unreadable(kMessages);
    rows.emplace_back(*id, Bytes(further.key()));
  }
  if (auto status = further.status(); !status) return status;
  const bool same = std::equal(rows.begin(), rows.end(), erasure.copies.begin(), erasure.copies.end(),
                               [](const auto& row, const auto& copy) { return row.first == copy.id; });
  if (!same) return changed;

  for (const auto& copy : erasure.copies) {
    if (!copy.goes) continue;
    auto row = read(kCopies, copy.id.view());
    if (!row) return row.error();
    const auto value = *row ? decode_copy(**row) : std::nullopt;
    if (!value) return unreadable(kCopies);
    if (value->packed.pack != 0) erased_recipes_[value->packed.pack].insert(value->packed.place);
    remove(kCopies, copy.id.view());
    for (const auto& [key, references] : copy.references) {
      if (auto done = release_part(key, references, outcome); !done) return done;
    }
    --state_.copies;
    ++outcome.copies;
  }

  std::vector<std::size_t> stay;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!erasure.copies[i].goes) stay.push_back(i);
    else if (i > 0) remove(kMessages, rows[i].second);
  }
  if (stay.empty()) {
    remove(kMessages, message_key);
    remove(kIdentities, names_.identity(message->identity));
    --state_.messages;
    ++outcome.messages;
    return {};
  }
  // The oldest copy that stays is the first one now. (That of the summary; all copies of a message say the same.)
  if (stay.front() > 0) {
    const auto& first = erasure.copies[stay.front()];
    message->first_copy = first.id;
    message->bytes = first.raw_bytes;
    remove(kMessages, rows[stay.front()].second);
  }
  message->more_copies = stay.size() > 1;
  put(kMessages, message_key, encode(*message));
  return {};
}

Result<void> BatchBuilder::release_part(const PartKey& key, std::uint64_t references, ErasureOutcome& outcome) {
  auto bytes = read(kPartReferences, key.view());
  if (!bytes) return bytes.error();
  const auto count = *bytes ? decode_number(**bytes) : std::nullopt;
  if (!count || *count < references) return Error{ErrorCode::corrupt, "a part of a message has fewer references than it is used"};
  if (*count > references) {
    put(kPartReferences, key.view(), encode_number(*count - references));
    return {};
  }
  remove(kPartReferences, key.view());
  if (auto removed = parts_.remove(rows_, key, erased_parts_); !removed) return removed;
  ++outcome.parts;
  return {};
}

Result<void> BatchBuilder::erase_placements(const PreparedErasure& erasure, ErasureOutcome& outcome) {
  const Bytes prefix = serial_key(erasure.message);
  auto rows = database_.range(kMessagePlacements, prefix, after_prefix(prefix));
  for (; rows.valid(); rows.next()) {
    const auto place = parse_message_placement_key(rows.key());
    const auto value = decode_placement(rows.value());
    if (!place || !value) return unreadable(kMessagePlacements);
    if (!goes(erasure, value->copy)) continue;
    if (auto taken = take_placement(*place); !taken) return taken.error();
    ++outcome.placements;
  }
  return rows.status();
}

Result<void> BatchBuilder::erase_seen(const PreparedErasure& erasure, BytesView seen_key) {
  auto bytes = read(kSeen, seen_key);
  if (!bytes) return bytes.error();
  if (!*bytes) return {};
  auto row = decode_seen(**bytes);
  if (!row) return unreadable(kSeen);
  if (row->serial != erasure.message || !goes(erasure, row->copy)) return {};
  row->erased = true;
  row->copy = CopyId{};
  row->place_tag.clear();
  put_seen(seen_key, *row);
  return {};
}

// Of an entry about an erased copy only its leaf, kind and serial stay: a digest of the bytes would still prove what they were. What an
// earlier erasure of the same message said of the copies that stayed goes too; this one says it again, of those that stay now.
Result<std::vector<std::uint64_t>> BatchBuilder::redact_entries(const PreparedErasure& erasure) {
  std::vector<std::uint64_t> leaves;
  // A change from before the log began may name no copy: it was erased then, and others stayed.
  const bool all = std::all_of(erasure.copies.begin(), erasure.copies.end(), [](const auto& copy) { return copy.goes; });
  const auto redact = [&](Family family, BytesView key, BytesView bytes) -> Result<void> {
    const auto stored = decode_stored_entry(bytes);
    if (!stored) return unreadable(family);
    if (stored->erased) return {};
    const auto said = decode_entry(stored->canonical);
    if (!said) return unreadable(family);
    const bool earlier = said->kind == EntryKind::erased && said->serial == erasure.message;
    const bool change = is_change(said->kind) && said->kind != EntryKind::erased && said->serial == erasure.message && (all || goes(erasure, said->copy));
    const bool note = !is_change(said->kind) && names(erasure, *said);
    if (!earlier && !change && !note) return {};
    if (earlier) {
      for (const auto& fact : said->facts) leaves.insert(leaves.end(), fact.leaves.begin(), fact.leaves.end());
    }
    leaves.push_back(stored->leaf);
    put(family, key, encode(*erased_form(*stored)));
    return {};
  };
  const auto redact_at = [&](Family family, const Bytes& key) -> Result<void> {
    auto bytes = read(family, key);
    if (!bytes) return bytes.error();
    if (!*bytes) return Error{ErrorCode::corrupt, "an entry of the evidence is missing"};
    return redact(family, key, **bytes);
  };
  for (const Sequence sequence : erasure.changes) {
    if (auto done = redact_at(kChanges, sequence_key(sequence)); !done) return done.error();
  }
  for (const auto leaf : erasure.events) {
    if (auto done = redact_at(kEvents, leaf_key(leaf)); !done) return done.error();
  }
  auto changes = database_.range(kChanges, sequence_key(Sequence{to_number(erasure.changes_until) + 1}), "");
  for (; changes.valid(); changes.next()) {
    if (auto done = redact(kChanges, changes.key(), changes.value()); !done) return done.error();
  }
  if (auto status = changes.status(); !status) return status.error();
  auto events = database_.range(kEvents, leaf_key(erasure.events_until), "");
  for (; events.valid(); events.next()) {
    if (auto done = redact(kEvents, events.key(), events.value()); !done) return done.error();
  }
  if (auto status = events.status(); !status) return status.error();
  std::sort(leaves.begin(), leaves.end());
  leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
  return leaves;
}

// The leaf of an erasure of some copies says how the others lie now: the entry that said it may be one that was just redacted.
Result<void> BatchBuilder::state_what_stays(const PreparedErasure& erasure) {
  const Bytes key = serial_key(erasure.message);
  auto message = read(kMessages, key, decode_message);
  if (!message) return message.error();
  if (!*message) return unreadable(kMessages);
  (*message)->more_copies = false;
  add_fact({.type = FactType::message, .serial = erasure.message, .digest = sha256(encode(**message))});
  auto rows = database_.range(kMessagePlacements, key, after_prefix(key));
  for (; rows.valid(); rows.next()) {
    const auto place = parse_message_placement_key(rows.key());
    const auto value = decode_placement(rows.value());
    if (!place || !value) return unreadable(kMessagePlacements);
    if (goes(erasure, value->copy)) continue;
    add_fact(placed_fact(*place, *value));
  }
  return rows.status();
}

}  // namespace kopial
