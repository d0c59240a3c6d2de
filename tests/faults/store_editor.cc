#include "tests/faults/store_editor.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/log.h"
#include "storage/record_book.h"
#include "storage/tenant_reader.h"

namespace kopial {
namespace {

constexpr std::string_view kNames[] = {"body",        "body_thorough",   "header",      "subject",       "date",       "archived",  "sender", "order",
                                       "deletion",    "placement_gone",  "placement_moved", "insertion", "placement_added", "folder_name",
                                       "audit_changed", "audit_gone",    "redaction",   "seen",          "cursor",     "quarantine", "record", "totals", "tile",
                                       "rollback"};
static_assert(std::size(kNames) == static_cast<std::size_t>(EditClass::count));

}  // namespace

std::string_view to_string(EditClass what) { return kNames[static_cast<std::size_t>(what)]; }

StoreEditor::StoreEditor(Database& database, const Secret& key, std::uint64_t seed)
    : database_(database), names_(key), key_(key), packs_(database, coder_), parts_(database, coder_, packs_), random_(seed) {}

// --- reading and writing

std::vector<StoreEditor::Row> StoreEditor::all(Family family) const {
  std::vector<Row> rows;
  for (auto range = database_.range(family, "", ""); range.valid(); range.next()) rows.push_back({Bytes(range.key()), Bytes(range.value())});
  return rows;
}

std::optional<StoreEditor::Row> StoreEditor::any(Family family) {
  return any(family, [](const Row&) { return true; });
}

template <typename Wanted>
std::optional<StoreEditor::Row> StoreEditor::any(Family family, Wanted wanted) {
  auto rows = all(family);
  std::erase_if(rows, [&](const Row& row) { return !wanted(row); });
  if (rows.empty()) return std::nullopt;
  return rows[below(rows.size())];
}

void StoreEditor::put(Family family, BytesView key, BytesView value) {
  undo_.push_back({family, Bytes(key), database_.get(family, key).value()});
  batch_.Put(database_.family(family), slice(key), slice(value));
}

void StoreEditor::remove(Family family, BytesView key) {
  undo_.push_back({family, Bytes(key), database_.get(family, key).value()});
  batch_.Delete(database_.family(family), slice(key));
}

bool StoreEditor::apply() {
  rocksdb::WriteOptions quick;  // An editor has time; a test that makes a thousand edits has not.
  quick.sync = false;
  const bool done = batch_.Count() > 0 && database_.rocks().Write(quick, &batch_).ok();
  batch_.Clear();
  return done;
}

void StoreEditor::undo() {
  std::reverse(undo_.begin(), undo_.end());  // A row that was put twice: what it was first comes last.
  for (const auto& row : undo_) {
    if (row.value) batch_.Put(database_.family(row.family), slice(row.key), slice(*row.value));
    else batch_.Delete(database_.family(row.family), slice(row.key));
  }
  undo_.clear();
  apply();
}

Bytes StoreEditor::flipped(Bytes bytes, std::size_t from, std::size_t to) {
  auto& byte = bytes[from + below(to - from)];
  byte = static_cast<char>(byte ^ (1 << below(8)));
  return bytes;
}

State StoreEditor::state() const { return decode_state(database_.get(kMeta, kStateKey).value().value()).value(); }

// --- the edits

std::string StoreEditor::edit(EditClass what) {
  undo_.clear();
  batch_.Clear();
  for (auto& row : all(kDictionaries)) {
    Decoder in(row.value);
    in.u8();
    const auto kind = in.u8();
    Decoder number(row.key);
    const auto n = number.fixed64();
    auto content = coder_.load(in.rest(), 1 << 20);
    if (content) coder_.add(std::make_shared<Dictionary>(n, static_cast<BlobKind>(kind), *std::move(content)));
  }
  const auto done = [&]() -> std::string {
    switch (what) {
      case EditClass::body: return copy_bytes(false, false);
      case EditClass::body_thorough: return copy_bytes(true, false);
      case EditClass::header: return copy_bytes(false, true);
      case EditClass::subject:
      case EditClass::archived:
      case EditClass::sender: return message_row(what);
      case EditClass::date:
      case EditClass::placement_gone:
      case EditClass::placement_moved:
      case EditClass::placement_added: return place(what);
      case EditClass::order: return swap_changes();
      case EditClass::deletion: return delete_message();
      case EditClass::insertion: return insert_message();
      case EditClass::audit_changed: return audit(false);
      case EditClass::audit_gone: return audit(true);
      case EditClass::folder_name: {
        const auto row = any(kArchives, [](const Row& one) { return one.key.size() == 8; });
        if (!row) return "";
        auto value = decode_folder(row->value).value();
        Decoder key(row->key);
        const ArchiveId archive{key.fixed32()};
        const auto number = key.fixed32();
        const auto before = value.path;
        remove(kArchives, folder_name_key(archive, names_.folder(before)));
        value.path += fmt::format("{}", below(1000));
        put(kArchives, row->key, encode(value));
        put(kArchives, folder_name_key(archive, names_.folder(value.path)), encode_number(number));
        return fmt::format("folder {} renamed", before);
      }
      case EditClass::redaction: {
        const auto row = any(kChanges, [](const Row& one) { return !decode_stored_entry(one.value)->erased; });
        if (!row) return "";
        put(kChanges, row->key, encode(*erased_form(*decode_stored_entry(row->value))));
        return "a leaf redacted";
      }
      case EditClass::seen: {
        const auto row = any(kSeen);
        if (!row) return "";
        if (below(3) == 0) {
          put(kSeen, flipped(row->key, 0, row->key.size()), row->value);
          return "a seen item invented";
        }
        auto value = decode_seen(row->value).value();
        if (below(2) == 0) value.change_key += "x";
        else value.vanished = !value.vanished;
        put(kSeen, row->key, encode(value));
        return "a seen item changed";
      }
      case EditClass::cursor: {
        const auto row = any(kCursors);
        if (!row) return "";
        if (below(3) == 0) remove(kCursors, row->key);
        else put(kCursors, row->key, encode_text(decode_text(row->value).value() + "x"));
        return "a cursor moved";
      }
      case EditClass::quarantine: {
        const auto row = any(kQuarantine, [](const Row& one) { return one.key[0] == 'q'; });
        if (!row) return "";
        auto value = decode_quarantine(row->value).value();
        Decoder key(BytesView(row->key).substr(1));
        const auto number = key.fixed64();
        if (below(2) == 0) {
          value.item.reason += "!";
          put(kQuarantine, row->key, encode(value));
          return "a quarantined item's reason changed";
        }
        auto bytes = coder_.load(database_.get(kQuarantineBytes, quarantine_row_key(number)).value().value(), 1 << 20).value();
        put(kQuarantineBytes, quarantine_row_key(number), coder_.store(BlobKind::part, flipped(bytes, 0, bytes.size())));
        return "a quarantined item's bytes changed";
      }
      case EditClass::record: return record();
      case EditClass::totals: {
        const auto row = any(kArchives, [](const Row& one) { return one.key.size() <= 8; });
        if (!row) return "";
        if (row->key.size() == 4) {
          auto value = decode_archive(row->value).value();
          if (below(2) == 0) ++value.messages;
          else value.last_archived_at = from_milliseconds(static_cast<std::int64_t>(below(1u << 30)));
          put(kArchives, row->key, encode(value));
        } else {
          auto value = decode_folder(row->value).value();
          ++value.messages;
          put(kArchives, row->key, encode(value));
        }
        return "a count changed";
      }
      case EditClass::tile: {
        const auto row = any(kEvidence);
        if (!row) return "";
        put(kEvidence, row->key, flipped(row->value, 1, row->value.size()));
        return "a tile changed";
      }
      case EditClass::rollback: {
        std::vector<std::pair<Family, Row>> entries;
        for (const auto family : {kChanges, kEvents, kAudit}) {
          for (auto& row : all(family)) entries.emplace_back(family, std::move(row));
        }
        const auto leaf_of = [](const auto& one) { return decode_stored_entry(one.second.value)->leaf; };
        std::sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) { return leaf_of(a) < leaf_of(b); });
        if (entries.size() < 4) return "";
        for (auto cut = 1 + below(3); cut > 0; --cut) {
          remove(entries.back().first, entries.back().second.key);
          entries.pop_back();
        }
        remake_tree(state(), std::move(entries));
        return "the newest leaves cut off";
      }
      case EditClass::count: break;
    }
    return "";
  }();
  if (done.empty() || !apply()) {
    undo_.clear();
    batch_.Clear();
    return "";
  }
  return done;
}

// --- copies

Bytes StoreEditor::raw_of(const CopyValue& copy) {
  const TenantReader reader(database_, names_, coder_, parts_, packs_);
  return reader.rebuild_copy(copy, [&](const PartKey& key) { return reader.part(key); }).value();
}

// Their packs written anew without them, as an erasure does.
void StoreEditor::drop_pieces(BlobKind kind, const PieceSet& pieces) {
  for (const auto& [pack, places] : pieces) {
    const Bytes key = Encoder().fixed64(pack).take();
    undo_.push_back({kPacks, key, database_.get(kPacks, key).value()});
  }
  if (!packs_.erase(batch_, kind, pieces)) batch_.Clear();
}

// The parts nothing else uses, and the piece its recipe is.
void StoreEditor::release_parts(const CopyValue& copy) {
  const TenantReader reader(database_, names_, coder_, parts_, packs_);
  PieceSet recipes, pieces;
  if (copy.packed.pack != 0) recipes[copy.packed.pack].insert(copy.packed.place);
  std::map<PartKey, std::uint64_t> used;
  const Recipe recipe = reader.recipe(copy).value();
  for (const auto& step : recipe.steps) {
    if (step.kind != Step::Kind::literal) ++used[step.part];
  }
  for (const auto& [key, times] : used) {
    const auto count = decode_number(database_.get(kPartReferences, key.view()).value().value()).value();
    if (count > times) {
      put(kPartReferences, key.view(), encode_number(count - times));
    } else {
      remove(kPartReferences, key.view());
      const auto piece = PartStore::piece_of(database_.get(kParts, key.view()).value().value());
      if (piece.pack != 0) pieces[piece.pack].insert(piece.place);
      remove(kParts, key.view());
    }
  }
  drop_pieces(BlobKind::recipe, recipes);
  drop_pieces(BlobKind::part, pieces);
}

void StoreEditor::set_recipe(const CopyId& id, CopyValue value, BytesView raw) {
  Recipe recipe;
  recipe.steps.push_back({.kind = Step::Kind::literal, .size = raw.size()});
  recipe.literals = raw;
  const Bytes stored = coder_.store(BlobKind::recipe, encode_recipe(recipe));
  value.raw_bytes = raw.size();
  value.recipe = stored;
  value.packed = {};
  put(kCopies, id.view(), encode(value));
}

std::string StoreEditor::copy_bytes(bool thorough, bool header) {
  const auto row = any(kCopies);
  if (!row) return "";
  const auto value = decode_copy(row->value).value();
  const auto before = CopyId::from_bytes(row->key).value();
  const Bytes raw = raw_of(value);
  const auto split = std::min(raw.find("\r\n\r\n"), raw.size() - 1);
  const Bytes changed = header ? flipped(raw, 0, split) : flipped(raw, std::min(split, raw.size() - 2), raw.size());
  release_parts(value);
  if (!thorough) {
    set_recipe(before, value, changed);
    return fmt::format("a byte of copy {} changed", before.hex());
  }
  const CopyId after = sha256(changed);
  remove(kCopies, before.view());
  set_recipe(after, value, changed);
  for (const auto& message : all(kMessages)) {
    Decoder key(message.key);
    if (Serial{key.fixed64()} != value.serial) continue;
    if (key.done()) {
      auto said = decode_message(message.value).value();
      if (said.first_copy != before) continue;
      said.first_copy = after;
      put(kMessages, message.key, encode(said));
    } else if (decode_text(message.value) == before.view()) {
      put(kMessages, message.key, encode_text(after.view()));
    }
  }
  for (const auto& placed : all(kMessagePlacements)) {
    auto place = parse_message_placement_key(placed.key).value();
    auto said = decode_placement(placed.value).value();
    if (said.copy != before) continue;
    remove(kMessagePlacements, placed.key);
    remove(kPlacements, placement_key(place, said.received));
    said.copy = after;
    place.tag = names_.place(said.source_item, after);
    put(kMessagePlacements, message_placement_key(place), encode(said));
    put(kPlacements, placement_key(place, said.received), encode_text(""));
  }
  for (const auto& item : all(kSeen)) {
    auto said = decode_seen(item.value).value();
    if (said.copy != before) continue;
    said.copy = after;
    put(kSeen, item.key, encode(said));
  }
  return fmt::format("copy {} replaced by {}", before.hex(), after.hex());
}

std::string StoreEditor::message_row(EditClass what) {
  const auto row = any(kMessages, [](const Row& one) { return one.key.size() == 8; });
  if (!row) return "";
  auto value = decode_message(row->value).value();
  if (what == EditClass::subject) value.summary.subject += "!";
  if (what == EditClass::archived) value.archived_at += std::chrono::milliseconds(1 + below(1u << 30));
  if (what == EditClass::sender) {
    if (value.summary.from.empty()) value.summary.from.emplace_back();
    value.summary.from[0].address = "mallory@example.org";
  }
  put(kMessages, row->key, encode(value));
  return "a message's row changed";
}

// By way of the book itself, which keeps its own rows in order; nobody asks it for leaves here.
std::string StoreEditor::record() {
  RecordBook book(database_, kRecords, key_);
  const auto before = all(kRecords);
  const auto grants = book.list("grant", "", 100).value();
  std::string done;
  if (grants.empty() || below(3) == 0) {
    book.put("grant", fmt::format("forged-{}", below(1u << 30)), R"({"user":"mallory"})").ok();
    done = "a grant forged";
  } else if (const auto& grant = grants[below(grants.size())]; below(2) == 0) {
    book.remove("grant", grant.id).ok();
    done = "a grant removed";
  } else {
    book.put("grant", grant.id, R"({"user":"mallory"})").ok();
    done = "a grant changed";
  }
  // It is written; note what it was, and write what it is once more, as every edit does.
  const auto after = all(kRecords);
  for (const auto& row : before) undo_.push_back({kRecords, row.key, row.value});
  for (const auto& row : after) {
    const bool known = std::any_of(before.begin(), before.end(), [&](const Row& one) { return one.key == row.key; });
    if (!known) undo_.push_back({kRecords, row.key, std::nullopt});
    batch_.Put(database_.family(kRecords), slice(row.key), slice(row.value));
  }
  return done;
}

// --- placements

void StoreEditor::change_totals(const PlaceKey& place, int messages, std::int64_t bytes) {
  auto archive = decode_archive(database_.get(kArchives, archive_key(place.archive)).value().value()).value();
  archive.messages += static_cast<std::uint64_t>(messages);
  archive.bytes += static_cast<std::uint64_t>(bytes);
  put(kArchives, archive_key(place.archive), encode(archive));
  const auto key = folder_key(place.archive, place.folder);
  auto folder = decode_folder(database_.get(kArchives, key).value().value()).value();
  folder.messages += static_cast<std::uint64_t>(messages);
  put(kArchives, key, encode(folder));
  auto now = state();
  now.placements += static_cast<std::uint64_t>(messages);
  now.raw_bytes += static_cast<std::uint64_t>(bytes);
  put(kMeta, kStateKey, encode(now));
}

std::string StoreEditor::place(EditClass what) {
  const auto row = any(kMessagePlacements);
  if (!row) return "";
  const auto place = parse_message_placement_key(row->key).value();
  auto value = decode_placement(row->value).value();
  const auto serial = to_number(place.serial);
  switch (what) {
    case EditClass::date: {
      remove(kPlacements, placement_key(place, value.received));
      value.received -= std::chrono::milliseconds(1 + below(1u << 30));
      put(kMessagePlacements, row->key, encode(value));
      put(kPlacements, placement_key(place, value.received), encode_text(""));
      return fmt::format("message {} received at another time", serial);
    }
    case EditClass::placement_gone:
      remove(kMessagePlacements, row->key);
      remove(kPlacements, placement_key(place, value.received));
      change_totals(place, -1, -static_cast<std::int64_t>(value.bytes));
      return fmt::format("a placement of message {} removed", serial);
    case EditClass::placement_moved:
    case EditClass::placement_added: {
      const auto folder = any(kArchives, [&](const Row& one) {
        return one.key.size() == 8 && one.key.starts_with(archive_key(place.archive)) && one.key != folder_key(place.archive, place.folder);
      });
      if (!folder) return "";
      auto target = place;
      Decoder key(BytesView(folder->key).substr(4));
      target.folder = FolderNumber{key.fixed32()};
      if (database_.get(kMessagePlacements, message_placement_key(target)).value()) return "";
      if (what == EditClass::placement_moved) {
        remove(kMessagePlacements, row->key);
        remove(kPlacements, placement_key(place, value.received));
        auto from = decode_folder(database_.get(kArchives, folder_key(place.archive, place.folder)).value().value()).value();
        --from.messages;
        put(kArchives, folder_key(place.archive, place.folder), encode(from));
        auto to = decode_folder(folder->value).value();
        ++to.messages;
        put(kArchives, folder->key, encode(to));
      } else {
        change_totals(target, 1, static_cast<std::int64_t>(value.bytes));
      }
      put(kMessagePlacements, message_placement_key(target), encode(value));
      put(kPlacements, placement_key(target, value.received), encode_text(""));
      return fmt::format("message {} placed in another folder", serial);
    }
    default: return "";
  }
}

// --- the log

// The tiles and the root of these entries, as if they had always been the log; the leaves get the numbers of their order.
void StoreEditor::remake_tree(State now, std::vector<std::pair<Family, Row>> entries) {
  for (const auto& row : all(kEvidence)) remove(kEvidence, row.key);
  TreeEdge edge;
  now.last_sequence = 0;
  for (auto& [family, row] : entries) {
    auto entry = decode_stored_entry(row.value).value();
    const auto leaf = edge.size();
    if (family == kChanges) ++now.last_sequence;
    if (entry.leaf != leaf) {
      entry.leaf = leaf;
      if (family != kChanges) {
        remove(family, row.key);
        row.key = leaf_key(leaf);
      }
      put(family, row.key, encode(entry));
    }
    edge.append(leaf_hash(entry.committed.view()), [&](const Tile& tile) { put(kEvidence, tile_key(tile.level, tile.index), encode_tile(tile.hashes)); });
  }
  now.leaves = edge.size();
  now.root = edge.root();
  put(kMeta, kStateKey, encode(now));
}

std::string StoreEditor::swap_changes() {
  const auto rows = all(kChanges);
  if (rows.size() < 2) return "";
  const auto at = below(rows.size() - 1);
  auto one = decode_stored_entry(rows[at].value).value(), other = decode_stored_entry(rows[at + 1].value).value();
  std::swap(one.leaf, other.leaf);  // Each leaf keeps its number; what they say changes places.
  put(kChanges, rows[at].key, encode(other));
  put(kChanges, rows[at + 1].key, encode(one));
  std::vector<std::pair<Family, Row>> entries;
  for (const auto family : {kChanges, kEvents, kAudit}) {
    for (auto& row : all(family)) entries.emplace_back(family, std::move(row));
  }
  for (auto& [family, row] : entries) {
    if (family != kChanges) continue;
    if (row.key == rows[at].key) row.value = encode(other);
    if (row.key == rows[at + 1].key) row.value = encode(one);
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return decode_stored_entry(a.second.value)->leaf < decode_stored_entry(b.second.value)->leaf; });
  remake_tree(state(), std::move(entries));
  return fmt::format("changes {} and {} change places", at + 1, at + 2);
}

std::string StoreEditor::audit(bool drop) {
  const auto row = any(kAudit);
  if (!row) return "";
  const auto stored = decode_stored_entry(row->value).value();
  std::vector<std::pair<Family, Row>> entries;
  for (const auto family : {kChanges, kEvents, kAudit}) {
    for (auto& one : all(family)) entries.emplace_back(family, std::move(one));
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return decode_stored_entry(a.second.value)->leaf < decode_stored_entry(b.second.value)->leaf; });
  if (drop) {
    remove(kAudit, row->key);
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(stored.leaf));
    remake_tree(state(), std::move(entries));
    return fmt::format("audit event of leaf {} dropped", stored.leaf);
  }
  auto changed = stored;
  auto said = decode_entry(stored.canonical).value();
  said.facts[0].text.insert(1 + below(said.facts[0].text.size()), "x");
  changed.canonical = encode(said);
  const Bytes value = encode(changed);
  put(kAudit, row->key, value);
  if (below(2) == 0) {  // With or without the tree made to fit.
    entries[stored.leaf].second.value = value;
    remake_tree(state(), std::move(entries));
  }
  return fmt::format("audit event of leaf {} changed", stored.leaf);
}

// --- whole messages

std::string StoreEditor::delete_message() {
  const auto row = any(kCopies);
  if (!row) return "";
  const Serial serial = decode_copy(row->value)->serial;
  auto now = state();
  for (const auto& copy : all(kCopies)) {
    const auto value = decode_copy(copy.value).value();
    if (value.serial != serial) continue;
    // Two copies of one message may share a part: the second release would count from the first one's row.
    if (std::none_of(undo_.begin(), undo_.end(), [](const Undo& one) { return one.family == kPartReferences; })) release_parts(value);
    remove(kCopies, copy.key);
    --now.copies;
  }
  for (const auto& message : all(kMessages)) {
    Decoder key(message.key);
    if (Serial{key.fixed64()} != serial) continue;
    if (key.done()) remove(kIdentities, names_.identity(decode_message(message.value)->identity));
    remove(kMessages, message.key);
  }
  std::map<ArchiveId, ArchiveValue> archives;
  std::map<Bytes, FolderValue> folders;
  for (const auto& placed : all(kMessagePlacements)) {
    const auto place = parse_message_placement_key(placed.key).value();
    if (place.serial != serial) continue;
    const auto value = decode_placement(placed.value).value();
    remove(kMessagePlacements, placed.key);
    remove(kPlacements, placement_key(place, value.received));
    auto& archive = archives.try_emplace(place.archive, decode_archive(database_.get(kArchives, archive_key(place.archive)).value().value()).value()).first->second;
    --archive.messages;
    archive.bytes -= value.bytes;
    const auto key = folder_key(place.archive, place.folder);
    --folders.try_emplace(key, decode_folder(database_.get(kArchives, key).value().value()).value()).first->second.messages;
    --now.placements;
    now.raw_bytes -= value.bytes;
  }
  for (const auto& [id, archive] : archives) put(kArchives, archive_key(id), encode(archive));
  for (const auto& [key, folder] : folders) put(kArchives, key, encode(folder));
  for (const auto& item : all(kSeen)) {
    if (decode_seen(item.value)->serial == serial) remove(kSeen, item.key);
  }
  --now.messages;
  put(kMeta, kStateKey, encode(now));
  return fmt::format("message {} deleted", to_number(serial));
}

std::string StoreEditor::insert_message() {
  const auto row = any(kMessages, [](const Row& one) { return one.key.size() == 8; });
  const auto placed = any(kMessagePlacements);
  if (!row || !placed) return "";
  auto now = state();
  const Serial serial{++now.last_serial};
  const Bytes raw = fmt::format("From: mallory@example.org\r\nSubject: never sent {}\r\n\r\nNever sent.\r\n", random_());
  const CopyId copy = sha256(raw);
  auto message = decode_message(row->value).value();
  message.identity = sha256("identity of " + raw);
  message.first_copy = copy;
  message.bytes = raw.size();
  message.more_copies = false;
  message.added = Sequence{now.last_sequence + 1};
  set_recipe(copy, CopyValue{serial, raw.size(), 0, ""}, raw);
  put(kMessages, serial_key(serial), encode(message));
  put(kIdentities, names_.identity(message.identity), encode_number(to_number(serial)));
  auto place = parse_message_placement_key(placed->key).value();
  auto value = decode_placement(placed->value).value();
  value.copy = copy;
  value.bytes = raw.size();
  value.source_item.clear();
  place.serial = serial;
  place.tag = names_.place("", copy);
  put(kMessagePlacements, message_placement_key(place), encode(value));
  put(kPlacements, placement_key(place, value.received), encode_text(""));
  auto archive = decode_archive(database_.get(kArchives, archive_key(place.archive)).value().value()).value();
  ++archive.messages;
  archive.bytes += raw.size();
  put(kArchives, archive_key(place.archive), encode(archive));
  auto folder = decode_folder(database_.get(kArchives, folder_key(place.archive, place.folder)).value().value()).value();
  ++folder.messages;
  put(kArchives, folder_key(place.archive, place.folder), encode(folder));
  ++now.messages;
  ++now.copies;
  ++now.placements;
  now.raw_bytes += raw.size();
  ++now.last_sequence;

  Entry entry{EntryKind::message_added, message.archived_at, serial, copy, {}};
  entry.facts.push_back({.type = FactType::copy, .bytes = raw.size()});
  entry.facts.push_back({.type = FactType::message, .digest = sha256(encode(message))});
  entry.facts.push_back({.type = FactType::placed, .serial = serial, .copy = copy, .archive = place.archive, .folder = static_cast<std::uint32_t>(place.folder),
                         .tag = place.tag, .received = value.received, .unread = value.unread, .vanished_at = value.vanished_at});
  StoredEntry stored;
  stored.kind = entry.kind;
  stored.salt = random_bytes(kSaltBytes);
  stored.canonical = encode(entry);
  stored.leaf = now.leaves;
  put(kMeta, kStateKey, encode(now));
  const Bytes key = sequence_key(Sequence{now.last_sequence});
  put(kChanges, key, encode(stored));
  if (below(2) == 0) return "a message invented, without a tree that knows it";
  std::vector<std::pair<Family, Row>> entries;
  for (const auto family : {kChanges, kEvents, kAudit}) {
    for (auto& one : all(family)) entries.emplace_back(family, std::move(one));
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return decode_stored_entry(a.second.value)->leaf < decode_stored_entry(b.second.value)->leaf; });
  entries.emplace_back(kChanges, Row{key, encode(stored)});
  remake_tree(now, std::move(entries));
  return "a message invented, with its leaf at the end";
}

}  // namespace kopial
