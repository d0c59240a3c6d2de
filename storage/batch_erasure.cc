// Erasing: the half of the batch builder that takes away.
#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/batch_builder.h"

namespace kopial {
namespace {

Error unreadable(Family family) {
  return Error{ErrorCode::corrupt, std::string("a row of ") + tenant_families()[family].name + " cannot be read"};
}

bool goes(const PreparedErasure& erasure, const CopyId& id) {
  return std::any_of(erasure.copies.begin(), erasure.copies.end(), [&](const auto& copy) { return copy.goes && copy.id == id; });
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
  if (auto done = redact_changes(erasure); !done) return done;
  add_change(ChangeKind::erased, erasure.message, CopyId{});
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

// Of a change of an erased copy only its kind and serial stay: a digest of the bytes would still prove what they were.
Result<void> BatchBuilder::redact_changes(const PreparedErasure& erasure) {
  const auto redact = [&](Sequence sequence, BytesView bytes) -> Result<void> {
    auto change = decode_change(sequence, bytes);
    if (!change) return unreadable(kChanges);
    if (change->serial != erasure.message || !goes(erasure, change->copy)) return {};
    change->copy = CopyId{};
    put(kChanges, sequence_key(sequence), encode(*change));
    return {};
  };
  for (const Sequence sequence : erasure.changes) {
    auto bytes = read(kChanges, sequence_key(sequence));
    if (!bytes) return bytes.error();
    if (!*bytes) return Error{ErrorCode::corrupt, "a change is missing"};
    if (auto done = redact(sequence, **bytes); !done) return done;
  }
  auto rows = database_.range(kChanges, sequence_key(Sequence{to_number(erasure.changes_until) + 1}), "");
  for (; rows.valid(); rows.next()) {
    Decoder key(rows.key());
    if (auto done = redact(Sequence{key.fixed64()}, rows.value()); !done) return done;
  }
  return rows.status();
}

}  // namespace kopial
