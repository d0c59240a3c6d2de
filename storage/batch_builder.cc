#include "storage/batch_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "storage/crypto/digest.h"
#include "storage/evidence/log.h"

namespace kopial {
namespace {

Error unreadable(Family family) {
  return Error{ErrorCode::corrupt, fmt::format("a row of {} cannot be read", tenant_families()[family].name)};
}

constexpr std::size_t kRowFactsMax = 500;  // of one entry

Fact copy_fact(const PreparedMessage& message) {
  return {.type = FactType::copy, .bytes = message.raw_bytes, .defects = message.defects};
}

}  // namespace

BatchBuilder::BatchBuilder(const Database& database, const Names& names, const PartStore& parts, const PackStore& packs,
                           const State& state, const TreeEdge* edge, Time now)
    : database_(database),
      names_(names),
      parts_(parts),
      packs_(packs),
      before_(state),
      state_(state),
      now_(now),
      evidence_(edge != nullptr),
      edge_(evidence_ ? *edge : TreeEdge()),
      rows_(rocksdb::BytewiseComparator(), 0, /*overwrite_key=*/true) {}

Result<BatchOutcome> BatchBuilder::add(const PreparedBatch& batch) {
  BatchOutcome outcome;
  outcome.messages.reserve(batch.messages.size());
  for (const auto& intake : batch.messages) {
    auto done = add_message(intake);
    if (!done) return done.error();
    outcome.messages.push_back(*done);
    end_entry(done->serial);
  }
  for (const auto& pack : batch.packs) new_packs_.push_back(&pack);
  for (const auto& moved : batch.moved) {
    auto done = move(moved);
    if (!done) return done.error();
    end_entry(*done);
  }
  for (const auto& vanished : batch.vanished) {
    auto done = vanish(vanished);
    if (!done) return done.error();
    end_entry(*done);
  }
  for (const auto& item : batch.quarantined) {
    if (auto done = quarantine(item); !done) return done.error();
    end_entry(std::nullopt, EntryKind::quarantined);
  }
  for (const auto& cursor : batch.cursors) {
    if (auto done = set_cursor(cursor); !done) return done.error();
  }
  end_entry(std::nullopt);
  return outcome;
}

bool BatchBuilder::finish() {
  for (const auto& [id, counted] : archives_) {
    if (counted.before != counted.now) put(kArchives, archive_key(id), encode(counted.now));
  }
  for (const auto& [id, counted] : folders_) {
    if (counted.before != counted.now) put(kArchives, folder_key(id.first, id.second), encode(counted.now));
  }
  put_packs();
  end_row_facts();
  write_entries();
  if (state_ != before_) put(kMeta, kStateKey, encode(state_));
  return rows().Count() > 0;
}

// What somebody else has brought between preparing and writing is not kept a second time: a piece without an owner would outlive
// every erasure.
void BatchBuilder::put_packs() {
  for (const NewPack* pack : new_packs_) {
    std::vector<bool> owned(pack->pieces.size());
    for (std::size_t place = 0; place < owned.size(); ++place) owned[place] = owned_.contains({pack->number, place});
    const auto count = std::count(owned.begin(), owned.end(), true);
    if (count == 0) continue;
    if (static_cast<std::size_t>(count) == owned.size()) {
      packs_.put(rows_, *pack);
      continue;
    }
    NewPack fewer = *pack;
    for (std::size_t place = 0; place < owned.size(); ++place) {
      if (!owned[place]) fewer.pieces[place].clear();
    }
    if (!packs_.make(fewer)) std::abort();  // It gave back more pieces a moment ago.
    packs_.put(rows_, fewer);
  }
}

// --- messages

Result<IntakeOutcome> BatchBuilder::add_message(const PreparedIntake& intake) {
  auto kept = keep_copy(intake.message);
  if (!kept) return kept.error();
  IntakeOutcome outcome;
  outcome.copy = intake.message.copy;
  outcome.serial = kept->serial;
  outcome.new_copy = kept->new_copy;
  outcome.new_message = kept->new_message;
  outcome.defects = kept->defects;

  const auto& placement = intake.placement;
  auto number = folder_number(placement.archive, placement.folder);
  if (!number) return number.error();
  const PlaceKey here{kept->serial, placement.archive, *number, names_.place(placement.source_item, outcome.copy)};

  Bytes seen_key;
  std::optional<SeenRow> before;
  if (intake.seen) {
    seen_key = names_.seen_key(*intake.seen);
    auto row = read(kSeen, seen_key, decode_seen);
    if (!row) return row.error();
    before = *std::move(row);
  }
  bool replaced = false;
  if (before && !before->vanished && before->place() != here) {
    auto left = leave_place(*before, here);
    if (!left) return left.error();
    replaced = *left;
    if (auto dropped = drop_seen_item(*intake.seen, *before); !dropped) return dropped.error();
  }

  const PlacementValue value{outcome.copy,     intake.message.raw_bytes, placement.received,
                             placement.unread, placement.vanished_at,    placement.source_item};
  auto placed = put_placement(here, value);
  if (!placed) return placed.error();
  outcome.new_placement = *placed == Placed::reopened || (*placed == Placed::added && !replaced);
  if (!outcome.new_copy && (replaced || *placed != Placed::unchanged)) {
    add_change(ChangeKind::placement_changed, outcome.serial, outcome.copy);
  }

  if (intake.seen) {
    SeenRow after;
    after.copy = outcome.copy;
    after.serial = here.serial;
    after.archive = here.archive;
    after.folder = here.folder;
    after.place_tag = here.tag;
    after.change_key = intake.change_key;
    if (!before || *before != after) put_seen(seen_key, after);
    if (!before || before->vanished || before->place() != here) put_seen_item(*intake.seen, placement.folder);
  }
  return outcome;
}

Result<BatchBuilder::Kept> BatchBuilder::keep_copy(const PreparedMessage& message) {
  auto present = read(kCopies, message.copy.view());
  if (!present) return present.error();
  if (*present) {
    const auto copy = decode_copy(**present);
    if (!copy) return unreadable(kCopies);
    return Kept{copy->serial, false, false, copy->defects};
  }
  if (message.known) return Error{ErrorCode::unavailable, "a copy went away while it was being archived again; repeat"};

  const Bytes identity = names_.identity(message.identity);
  auto serial = read(kIdentities, identity, decode_number);
  if (!serial) return serial.error();
  Kept kept;
  kept.new_copy = true;
  kept.new_message = !*serial;
  kept.defects = message.defects;
  kept.serial = Serial{*serial ? **serial : ++state_.last_serial};
  if (auto parts = keep_parts(message); !parts) return parts.error();
  put(kCopies, message.copy.view(),
      encode(CopyValue{kept.serial, message.raw_bytes, message.defects, message.recipe, message.packed}));
  if (message.packed.pack != 0) owned_.insert({message.packed.pack, message.packed.place});
  ++state_.copies;

  if (!kept.new_message) {
    if (auto added = add_further_copy(kept.serial, message.copy); !added) return added.error();
    entries_.back().entry.facts.push_back(copy_fact(message));
    return kept;
  }
  put(kIdentities, identity, encode_number(to_number(kept.serial)));
  ++state_.messages;
  const Sequence added = add_change(ChangeKind::message_added, kept.serial, message.copy);
  const Bytes row = encode(MessageValue{message.identity, message.copy, message.raw_bytes, now_, false, message.summary, added});
  put(kMessages, serial_key(kept.serial), row);
  auto& facts = entries_.back().entry.facts;
  facts.push_back(copy_fact(message));
  facts.push_back({.type = FactType::message, .serial = kept.serial, .digest = sha256(row)});
  return kept;
}

Result<void> BatchBuilder::keep_parts(const PreparedMessage& message) {
  std::map<PartKey, std::uint64_t> references;
  for (const auto& key : message.references) ++references[key];
  for (const auto& part : message.parts) {
    auto count = read(kPartReferences, part.key.view(), decode_number);
    if (!count) return count.error();
    if (!*count) {
      if (!part.stored) return Error{ErrorCode::unavailable, "a part went away while a message with it was being archived; repeat"};
      parts_.put(rows_, part.key, *part.stored);
      if (part.stored->piece.pack != 0) owned_.insert({part.stored->piece.pack, part.stored->piece.place});
    }
    put(kPartReferences, part.key.view(), encode_number(count->value_or(0) + references[part.key]));
  }
  return {};
}

// The first copy stands in the message's own row; further ones have rows of their own, because an order to all hands may
// have ten thousand.
Result<void> BatchBuilder::add_further_copy(Serial serial, const CopyId& copy) {
  auto message = read(kMessages, serial_key(serial), decode_message);
  if (!message) return message.error();
  if (!*message) return Error{ErrorCode::corrupt, "a message of a known identity is missing"};
  if (!(*message)->more_copies) {
    (*message)->more_copies = true;
    put(kMessages, serial_key(serial), encode(**message));
  }
  const Sequence added = add_change(ChangeKind::copy_added, serial, copy);
  put(kMessages, further_copy_key(serial, added), encode_text(copy.view()));
  return {};
}

// --- moves

Result<std::optional<Serial>> BatchBuilder::move(const Moved& moved) {
  const Bytes old_key = names_.seen_key(moved.seen);
  SeenKey target = moved.seen;
  if (!moved.new_item.empty()) target.item = moved.new_item;
  const Bytes new_key = names_.seen_key(target);
  const bool new_name = new_key != old_key;

  auto before = read(kSeen, old_key, decode_seen);
  if (!before) return before.error();
  auto present = read(kSeen, new_key, decode_seen);
  if (!present) return present.error();
  if (!*before) {
    if (*present) return std::optional<Serial>();  // The same batch again.
    return Error{ErrorCode::not_found, "an item that was never archived cannot be moved; fetch it"};
  }
  const SeenRow& old_row = **before;

  if (new_name) {
    remove(kSeen, old_key);
    add_row_fact(kSeen, old_key, std::nullopt);
    if (!old_row.vanished) {
      if (auto dropped = drop_seen_item(moved.seen, old_row); !dropped) return dropped.error();
    }
    if (*present && !(*present)->vanished) {  // The item was archived under its new name before the move was heard of.
      if (old_row.vanished || old_row.place() == (*present)->place()) return std::optional(old_row.serial);
      auto left = leave_place(old_row, (*present)->place());
      if (!left) return left.error();
      if (*left) add_change(ChangeKind::placement_changed, old_row.serial, old_row.copy);
      return std::optional(old_row.serial);
    }
  }

  auto number = folder_number(old_row.archive, moved.folder);
  if (!number) return number.error();
  SeenRow row = old_row;
  row.folder = *number;
  row.vanished = false;
  row.change_key = moved.change_key;
  if (new_name) row.place_tag = names_.place(target.item, row.copy);

  if (old_row.erased) {  // Nothing of it is placed; only its name at the source is kept, without its message.
    if (!new_name && !old_row.vanished) {
      if (auto dropped = drop_seen_item(moved.seen, old_row); !dropped) return dropped.error();
    }
    put_seen_item(target, moved.folder);
  } else if (row.place() != old_row.place()) {
    auto value = take_placement(old_row.place());
    if (!value) return value.error();
    if (!*value) {  // Another profile over the same mailbox has moved it already.
      auto copy = read(kCopies, row.copy.view());
      if (!copy) return copy.error();
      const auto facts = *copy ? decode_copy(**copy) : std::nullopt;
      if (!facts) return unreadable(kCopies);
      value->emplace(PlacementValue{row.copy, facts->raw_bytes, moved.at, false, std::nullopt, ""});
    }
    (*value)->source_item = target.item;
    (*value)->vanished_at.reset();
    if (auto placed = put_placement(row.place(), **value); !placed) return placed.error();
    add_change(ChangeKind::placement_changed, row.serial, row.copy);
    if (!new_name && !old_row.vanished) {
      if (auto dropped = drop_seen_item(moved.seen, old_row); !dropped) return dropped.error();
    }
    put_seen_item(target, moved.folder);
  } else if (old_row.vanished) {  // It came back to where it was.
    auto value = read(kMessagePlacements, message_placement_key(row.place()), decode_placement);
    if (!value) return value.error();
    if (*value) {
      (*value)->vanished_at.reset();
      put_place(row.place(), **value);
      add_change(ChangeKind::placement_changed, row.serial, row.copy);
    }
    put_seen_item(target, moved.folder);
  }
  if (new_name || row != old_row) put_seen(new_key, row);
  return std::optional(row.serial);
}

Result<std::optional<Serial>> BatchBuilder::vanish(const Vanished& vanished) {
  const Bytes key = names_.seen_key(vanished.seen);
  auto row = read(kSeen, key, decode_seen);
  if (!row) return row.error();
  if (!*row || (*row)->vanished) return std::optional<Serial>();  // Never archived, or the same batch again.
  if (auto dropped = drop_seen_item(vanished.seen, **row); !dropped) return dropped.error();
  auto closed = close_placement((*row)->place(), vanished.at);
  if (!closed) return closed.error();
  if (*closed) add_change(ChangeKind::placement_changed, (*row)->serial, (*row)->copy);
  (*row)->vanished = true;
  put_seen(key, **row);
  return std::optional((*row)->serial);
}

// An item is elsewhere now. Within its archive the same message moves; another message or another archive leaves the old
// placement behind, closed: what the item was before stays on record.
Result<bool> BatchBuilder::leave_place(const SeenRow& before, const PlaceKey& here) {
  if (before.serial == here.serial && before.archive == here.archive) {
    auto taken = take_placement(before.place());
    if (!taken) return taken.error();
    return taken->has_value();
  }
  auto closed = close_placement(before.place(), now_);
  if (!closed) return closed.error();
  if (*closed) add_change(ChangeKind::placement_changed, before.serial, before.copy);
  return false;
}

// --- placements

Result<BatchBuilder::Placed> BatchBuilder::put_placement(const PlaceKey& place, const PlacementValue& value) {
  const Bytes key = message_placement_key(place);
  auto present = read(kMessagePlacements, key, decode_placement);
  if (!present) return present.error();
  if (*present) {
    PlacementValue& row = **present;
    const bool reopened = row.vanished_at && !value.vanished_at;
    if (!reopened && row.unread == value.unread) return Placed::unchanged;
    if (reopened) row.vanished_at.reset();
    row.unread = value.unread;
    put_place(place, row);
    return reopened ? Placed::reopened : Placed::unchanged;
  }
  auto totals = archive(place.archive);
  if (!totals) return totals.error();
  auto count = folder(place.archive, place.folder);
  if (!count) return count.error();
  put_place(place, value);
  put(kPlacements, placement_key(place, value.received), encode_text(""));
  ++(*totals)->messages;
  (*totals)->bytes += value.bytes;
  (*totals)->last_archived_at = now_;
  ++(*count)->messages;
  ++state_.placements;
  state_.raw_bytes += value.bytes;
  return Placed::added;
}

Result<std::optional<PlacementValue>> BatchBuilder::take_placement(const PlaceKey& place) {
  const Bytes key = message_placement_key(place);
  auto present = read(kMessagePlacements, key, decode_placement);
  if (!present || !*present) return present;
  auto totals = archive(place.archive);
  if (!totals) return totals.error();
  auto count = folder(place.archive, place.folder);
  if (!count) return count.error();
  remove(kMessagePlacements, key);
  remove(kPlacements, placement_key(place, (*present)->received));
  add_fact({.type = FactType::unplaced, .serial = place.serial, .archive = place.archive, .folder = static_cast<std::uint32_t>(place.folder), .tag = place.tag});
  --(*totals)->messages;
  (*totals)->bytes -= (*present)->bytes;
  --(*count)->messages;
  --state_.placements;
  state_.raw_bytes -= (*present)->bytes;
  return present;
}

Result<bool> BatchBuilder::close_placement(const PlaceKey& place, Time at) {
  const Bytes key = message_placement_key(place);
  auto present = read(kMessagePlacements, key, decode_placement);
  if (!present) return present.error();
  if (!*present || (*present)->vanished_at) return false;
  (*present)->vanished_at = at;
  put_place(place, **present);
  return true;
}

Result<void> BatchBuilder::drop_seen_item(const SeenKey& key, const SeenRow& row) {
  auto there = folder(row.archive, row.folder);
  if (!there) return there.error();
  const Bytes listed = names_.seen_items_prefix(key.profile, key.mailbox, (*there)->path) + names_.seen_item(key.item);
  remove(kSeenItems, listed);
  add_row_fact(kSeenItems, listed, std::nullopt);
  return {};
}

void BatchBuilder::put_seen(BytesView key, const SeenRow& after) {
  const Bytes row = encode(after);
  put(kSeen, key, row);
  seen_rows_.emplace_back(after.serial, key);
  add_row_fact(kSeen, key, row);
}

void BatchBuilder::put_seen_item(const SeenKey& key, std::string_view folder) {
  const Bytes listed = names_.seen_items_prefix(key.profile, key.mailbox, folder) + names_.seen_item(key.item);
  const Bytes row = encode_text(key.item);
  put(kSeenItems, listed, row);
  add_row_fact(kSeenItems, listed, row);
}

void BatchBuilder::put_place(const PlaceKey& place, const PlacementValue& value) {
  put(kMessagePlacements, message_placement_key(place), encode(value));
  add_fact(placed_fact(place, value));
}

// --- the rest

Result<void> BatchBuilder::quarantine(const PreparedQuarantine& item) {
  auto number = read(kQuarantine, quarantine_tag_key(item.tag), decode_number);
  if (!number) return number.error();
  if (*number) return {};  // The same bytes of the same item: the same batch again.
  const std::uint64_t fresh = ++state_.last_quarantine;
  put(kQuarantine, quarantine_tag_key(item.tag), encode_number(fresh));
  const Bytes row = encode(QuarantineValue{now_, item.bytes, item.item});
  put(kQuarantine, quarantine_row_key(fresh), row);
  put(kQuarantineBytes, quarantine_row_key(fresh), item.stored);
  add_fact({.type = FactType::quarantined, .digest = sha256(row), .content = item.content, .number = fresh});
  return {};
}

Result<void> BatchBuilder::set_cursor(const CursorUpdate& cursor) {
  const Bytes key = names_.cursor_key(cursor.key);
  auto present = read(kCursors, key, decode_text);
  if (!present) return present.error();
  if (present->value_or("") == cursor.value) return {};
  std::optional<Bytes> after;
  if (cursor.value.empty()) {
    remove(kCursors, key);
  } else {
    after = encode_text(cursor.value);
    put(kCursors, key, *after);
  }
  add_row_fact(kCursors, key, after);
  return {};
}

Sequence BatchBuilder::add_change(ChangeKind kind, Serial serial, const CopyId& copy) {
  const Sequence sequence{++state_.last_sequence};
  entries_.push_back({{static_cast<EntryKind>(kind), now_, serial, copy, {}}, sequence});
  return sequence;
}

// --- evidence

void BatchBuilder::add_row_fact(Family family, BytesView key, const std::optional<Bytes>& row) {
  row_facts_.push_back(row_fact(static_cast<std::uint8_t>(family), key, row));
}

void BatchBuilder::end_entry(std::optional<Serial> message, EntryKind without_change) {
  const std::size_t changes_end = entries_.size();
  std::map<std::optional<Serial>, std::size_t> own;
  for (auto& fact : facts_) {
    const bool of_place = fact.type == FactType::placed || fact.type == FactType::unplaced;
    const auto about = of_place ? std::optional(fact.serial) : message;
    std::size_t at = changes_end;
    while (at > entries_ended_ && entries_[at - 1].entry.serial != about) --at;
    if (at == entries_ended_) {
      const auto [entry, fresh] = own.try_emplace(about, entries_.size());
      if (fresh) entries_.push_back({{without_change, now_, {}, {}, {}}, {}});
      at = entry->second + 1;
    }
    entries_[at - 1].entry.facts.push_back(std::move(fact));
  }
  facts_.clear();
  for (auto& fact : folder_facts_) entries_.push_back({{EntryKind::noted, now_, {}, {}, {std::move(fact)}}, {}});
  folder_facts_.clear();
  entries_ended_ = entries_.size();
}

// One entry for the rows of the whole batch: a leaf of its own for each would be as many again as there are messages.
void BatchBuilder::end_row_facts() {
  for (std::size_t from = 0; from < row_facts_.size(); from += kRowFactsMax) {
    const auto begin = row_facts_.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = row_facts_.begin() + static_cast<std::ptrdiff_t>(std::min(from + kRowFactsMax, row_facts_.size()));
    add_event(EntryKind::noted, std::vector<Fact>(begin, end));
  }
  row_facts_.clear();
}

void BatchBuilder::add_event(EntryKind kind, std::vector<Fact> facts) {
  entries_.push_back({{kind, now_, {}, {}, std::move(facts)}, {}});
  entries_ended_ = entries_.size();
}

void BatchBuilder::add_row(Family family, BytesView key, const std::optional<Bytes>& value) {
  if (value) put(family, key, *value);
  else remove(family, key);
}

void BatchBuilder::take_change(Sequence sequence, Entry entry) {
  entry.at = now_;
  entries_.push_back({std::move(entry), sequence});
  entries_ended_ = entries_.size();
}

void BatchBuilder::set_beginning(std::uint8_t stage, Bytes at) {
  state_.beginning = stage;
  state_.beginning_at = std::move(at);
}

// One leaf for each entry, in their order, and the tiles that grow by them.
void BatchBuilder::write_entries() {
  if (entries_.empty()) return;
  const Bytes salts = random_bytes(kSaltBytes * entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& [entry, sequence] = entries_[i];
    StoredEntry stored;
    stored.leaf = edge_.size();
    stored.kind = entry.kind;
    stored.salt = salts.substr(i * kSaltBytes, kSaltBytes);
    stored.canonical = encode(entry);
    const Bytes row = encode(stored);
    if (is_change(entry.kind)) put(kChanges, sequence_key(sequence), row);
    else put(entry.kind == EntryKind::audit ? kAudit : kEvents, leaf_key(stored.leaf), row);
    if (!evidence_) continue;
    edge_.append(leaf_hash(commitment(stored.salt, stored.canonical).view()), [&](const Tile& tile) {
      // Hashes tell nothing and are served to anybody who asks, so they are not sealed.
      rows_.Put(database_.family(kEvidence), tile_key(tile.level, tile.index), encode_tile(tile.hashes));
    });
  }
  state_.leaves = edge_.size();
  state_.root = edge_.root();
}

Result<ArchiveValue*> BatchBuilder::archive(ArchiveId id) {
  if (const auto found = archives_.find(id); found != archives_.end()) return &found->second.now;
  auto value = read(kArchives, archive_key(id), decode_archive);
  if (!value) return value.error();
  auto& counted = archives_[id];
  counted.before = *value;
  counted.now = value->value_or(ArchiveValue{});
  return &counted.now;
}

Result<FolderValue*> BatchBuilder::folder(ArchiveId archive, FolderNumber number) {
  const std::pair id(archive, number);
  if (const auto found = folders_.find(id); found != folders_.end()) return &found->second.now;
  auto value = read(kArchives, folder_key(archive, number), decode_folder);
  if (!value) return value.error();
  if (!*value) return Error{ErrorCode::corrupt, "a folder's row is missing"};
  auto& counted = folders_[id];
  counted.before = **value;
  counted.now = **value;
  return &counted.now;
}

Result<FolderNumber> BatchBuilder::folder_number(ArchiveId archive_id, const std::string& path) {
  const std::pair id(archive_id, path);
  if (const auto found = folder_numbers_.find(id); found != folder_numbers_.end()) return found->second;
  const Bytes key = folder_name_key(archive_id, names_.folder(path));
  auto number = read(kArchives, key, decode_number);
  if (!number) return number.error();
  if (!*number) {
    auto totals = archive(archive_id);
    if (!totals) return totals.error();
    *number = ++(*totals)->last_folder;
    put(kArchives, key, encode_number(**number));
    // An entry of its own: it stays when the message that brought the folder is erased.
    folder_facts_.push_back({.type = FactType::folder, .archive = archive_id, .folder = static_cast<std::uint32_t>(**number), .text = path});
    folders_[{archive_id, FolderNumber{static_cast<std::uint32_t>(**number)}}].now = FolderValue{path, 0};
  }
  return folder_numbers_.emplace(id, FolderNumber{static_cast<std::uint32_t>(**number)}).first->second;
}

Result<std::optional<Bytes>> BatchBuilder::read(Family family, BytesView key) {
  std::optional<Bytes> value(std::in_place);
  const auto status = rows_.GetFromBatchAndDB(&database_.rocks(), rocksdb::ReadOptions(), database_.family(family), slice(key),
                                              &*value);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return to_error(status, "reading the store");
  return value;
}

template <typename Value>
Result<std::optional<Value>> BatchBuilder::read(Family family, BytesView key, std::optional<Value> (*decode)(BytesView)) {
  auto bytes = read(family, key);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<Value>();
  auto value = decode(**bytes);
  if (!value) return unreadable(family);
  return value;
}

void BatchBuilder::put(Family family, BytesView key, BytesView value) {
  rows_.Put(database_.family(family), slice(key), slice(value));
}

void BatchBuilder::remove(Family family, BytesView key) { rows_.Delete(database_.family(family), slice(key)); }

}  // namespace kopial
