#include "storage/tenant_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "storage/base/encoding.h"
#include "storage/evidence/log.h"
#include "storage/crypto/digest.h"
#include "storage/recipe.h"

namespace kopial {
namespace {

Error unreadable(Family family) {
  return Error{ErrorCode::corrupt, fmt::format("a row of {} cannot be read", tenant_families()[family].name)};
}

// A recipe names each part with 32 bytes and says little more, so it is never much larger than its message; tiny ones may be.
constexpr std::uint64_t kRecipeOverheadMax = 1 << 20;

}  // namespace

template <typename Value>
Result<std::optional<Value>> TenantReader::read(Family family, BytesView key,
                                                std::optional<Value> (*decode)(BytesView)) const {
  auto bytes = database_.get(family, key);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<Value>();
  auto value = decode(**bytes);
  if (!value) return unreadable(family);
  return value;
}

// --- copies

Result<Bytes> TenantReader::part(const PartKey& key) const { return parts_.whole(key); }

Result<Recipe> TenantReader::recipe(const CopyValue& copy) const {
  auto plain = copy.packed.pack != 0 ? packs_.piece(copy.packed)
                                     : coder_.load(copy.recipe, 2 * copy.raw_bytes + kRecipeOverheadMax);
  if (!plain) return plain.error();
  return decode_recipe(*plain);
}

Result<Bytes> TenantReader::rebuild_copy(const CopyValue& copy, const PartSource& parts) const {
  auto steps = recipe(copy);
  if (!steps) return steps.error();
  return rebuild(*steps, copy.raw_bytes, parts);
}

Result<std::optional<Bytes>> TenantReader::raw(const CopyId& copy) const {
  auto value = database_.get(kCopies, copy.view());
  if (!value) return value.error();
  if (!*value) return std::optional<Bytes>();
  const auto decoded = decode_copy(**value);
  if (!decoded) return unreadable(kCopies);
  auto bytes = rebuild_copy(*decoded, [this](const PartKey& key) { return part(key); });
  if (!bytes) {
    // Erased between the reading of its recipe and that of its parts: that is no damage.
    auto still = database_.contains(kCopies, copy.view());
    if (still && !*still) return std::optional<Bytes>();
    return bytes.error().with_context("copy " + copy.hex());
  }
  if (sha256(*bytes) != copy) {
    return Error{ErrorCode::corrupt, fmt::format("copy {}: the stored bytes do not match their name", copy.hex())};
  }
  return std::optional<Bytes>(*std::move(bytes));
}

Result<std::unique_ptr<CopyReader>> TenantReader::open_copy(const CopyId& copy) const {
  auto value = database_.get(kCopies, copy.view());
  if (!value) return value.error();
  if (!*value) return std::unique_ptr<CopyReader>();
  const auto decoded = decode_copy(**value);
  if (!decoded) return unreadable(kCopies);
  auto steps = recipe(*decoded);
  if (!steps) return steps.error();
  return open_stored_copy(copy, decoded->raw_bytes, *std::move(steps), parts_, verified_);
}

Result<std::optional<Serial>> TenantReader::serial_of(const CopyId& copy) const {
  auto value = database_.get(kCopies, copy.view());
  if (!value) return value.error();
  if (!*value) return std::optional<Serial>();
  const auto decoded = decode_copy(**value);
  if (!decoded) return unreadable(kCopies);
  return std::optional<Serial>(decoded->serial);
}

// --- messages

Result<std::vector<MessageRecord>> TenantReader::messages(std::span<const Serial> serials) const {
  std::vector<Bytes> keys(serials.size());
  std::transform(serials.begin(), serials.end(), keys.begin(), serial_key);
  auto values = database_.get_many(kMessages, keys);
  if (!values) return values.error();
  std::vector<MessageRecord> records;
  records.reserve(serials.size());
  for (std::size_t i = 0; i < serials.size(); ++i) {
    if (!(*values)[i]) continue;
    auto value = decode_message(*(*values)[i]);
    if (!value) return unreadable(kMessages);
    MessageRecord& record = records.emplace_back();
    record.serial = serials[i];
    record.identity = value->identity;
    record.copies.push_back(value->first_copy);
    record.bytes = value->bytes;
    record.archived_at = value->archived_at;
    record.summary = std::move(value->summary);
    if (!value->more_copies) continue;
    auto rows = database_.range(kMessages, further_copy_key(serials[i], Sequence{0}), after_prefix(keys[i]));
    for (; rows.valid(); rows.next()) {
      const auto copy = CopyId::from_bytes(decode_text(rows.value()).value_or(""));
      if (!copy) return unreadable(kMessages);
      record.copies.push_back(*copy);
    }
    if (auto status = rows.status(); !status) return status.error();
  }
  return records;
}

Result<std::vector<Placement>> TenantReader::placements(Serial serial) const {
  std::vector<Placement> placements;
  std::map<std::pair<ArchiveId, FolderNumber>, std::string> paths;
  const Bytes prefix = serial_key(serial);
  auto rows = database_.range(kMessagePlacements, prefix, after_prefix(prefix));
  for (; rows.valid(); rows.next()) {
    const auto place = parse_message_placement_key(rows.key());
    auto value = decode_placement(rows.value());
    if (!place || !value) return unreadable(kMessagePlacements);
    const auto [path, fresh] = paths.try_emplace({place->archive, place->folder});
    if (fresh) {
      auto folder = read(kArchives, folder_key(place->archive, place->folder), decode_folder);
      if (!folder) return folder.error();
      if (!*folder) return unreadable(kArchives);
      path->second = std::move((*folder)->path);
    }
    placements.push_back({place->archive, path->second, std::move(value->source_item), value->received, value->unread,
                          value->vanished_at});
  }
  if (auto status = rows.status(); !status) return status.error();
  return placements;
}

// --- sources

Result<std::optional<SeenValue>> TenantReader::seen(const SeenKey& key) const {
  auto row = read(kSeen, names_.seen_key(key), decode_seen);
  if (!row) return row.error();
  if (!*row || (*row)->vanished) return std::optional<SeenValue>();
  // (Of an erased message: what is left of it, so that a run passes it by.)
  auto folder = read(kArchives, folder_key((*row)->archive, (*row)->folder), decode_folder);
  if (!folder) return folder.error();
  if (!*folder) return unreadable(kArchives);
  return std::optional<SeenValue>(SeenValue{(*row)->copy, (*row)->serial, std::move((*row)->change_key), (*row)->archive,
                                            std::move((*folder)->path)});
}

Result<std::vector<std::string>> TenantReader::seen_items(ProfileId profile, const std::string& mailbox,
                                                          const std::string& folder, const std::string& after,
                                                          std::size_t limit) const {
  const Bytes prefix = names_.seen_items_prefix(profile, mailbox, folder);
  Bytes from = prefix;
  if (!after.empty()) from += names_.seen_item(after) + '\0';  // The first possible key behind it, whether it is still there.
  std::vector<std::string> items;
  auto rows = database_.range(kSeenItems, std::move(from), after_prefix(prefix));
  for (; rows.valid() && items.size() < limit; rows.next()) {
    auto item = decode_text(rows.value());
    if (!item) return unreadable(kSeenItems);
    items.push_back(*std::move(item));
  }
  if (auto status = rows.status(); !status) return status.error();
  return items;
}

Result<std::string> TenantReader::cursor(const CursorKey& key) const {
  auto value = read(kCursors, names_.cursor_key(key), decode_text);
  if (!value) return value.error();
  return std::move(*value).value_or("");
}

Result<std::vector<Change>> TenantReader::changes(Sequence after, std::size_t limit) const {
  std::vector<Change> changes;
  if (to_number(after) == ~std::uint64_t{0}) return changes;
  auto rows = database_.range(kChanges, sequence_key(Sequence{to_number(after) + 1}), "");
  for (; rows.valid() && changes.size() < limit; rows.next()) {
    Decoder key(rows.key());
    const Sequence sequence{key.fixed64()};
    const auto change = decode_change(sequence, rows.value());
    if (!key.done() || !change) return unreadable(kChanges);
    changes.push_back(*change);
  }
  if (auto status = rows.status(); !status) return status.error();
  return changes;
}

Result<std::vector<TenantStore::AuditRow>> TenantReader::audit(std::uint64_t from, std::size_t limit) const {
  std::vector<TenantStore::AuditRow> events;
  auto rows = database_.range(kAudit, leaf_key(from), "");
  for (; rows.valid() && events.size() < limit; rows.next()) {
    const auto stored = decode_stored_entry(rows.value());
    const auto entry = stored && !stored->erased ? decode_entry(stored->canonical) : std::nullopt;
    if (!entry) return unreadable(kAudit);
    for (const auto& fact : entry->facts) {
      if (fact.type == FactType::audit) events.push_back({stored->leaf, fact.text});
    }
  }
  if (auto status = rows.status(); !status) return status.error();
  return events;
}

// --- browsing

Result<std::optional<FolderNumber>> TenantReader::folder_number(ArchiveId archive, const std::string& path) const {
  auto number = read(kArchives, folder_name_key(archive, names_.folder(path)), decode_number);
  if (!number) return number.error();
  if (!*number) return std::optional<FolderNumber>();
  return std::optional<FolderNumber>(FolderNumber{static_cast<std::uint32_t>(**number)});
}

Result<std::vector<TenantReader::NumberedFolder>> TenantReader::numbered_folders(ArchiveId archive) const {
  std::vector<NumberedFolder> folders;
  const Bytes prefix = archive_key(archive);
  auto rows = database_.range(kArchives, prefix, after_prefix(prefix));
  const std::size_t key_bytes = folder_key(archive, FolderNumber{}).size();
  for (; rows.valid(); rows.next()) {
    if (rows.key().size() != key_bytes) continue;  // The archive's own row, and those from names to numbers.
    Decoder key(rows.key().substr(prefix.size()));
    NumberedFolder folder;
    folder.number = FolderNumber{key.fixed32()};
    auto value = decode_folder(rows.value());
    if (!value) return unreadable(kArchives);
    folder.value = *std::move(value);
    folders.push_back(std::move(folder));
  }
  if (auto status = rows.status(); !status) return status.error();
  return folders;
}

Result<std::vector<FolderCount>> TenantReader::folders(ArchiveId archive) const {
  auto numbered = numbered_folders(archive);
  if (!numbered) return numbered.error();
  std::vector<FolderCount> counts;
  for (auto& folder : *numbered) {
    if (folder.value.messages > 0) counts.push_back({std::move(folder.value.path), folder.value.messages});
  }
  std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.folder < b.folder; });
  return counts;
}

Result<ArchiveTotals> TenantReader::totals(ArchiveId archive) const {
  auto value = read(kArchives, archive_key(archive), decode_archive);
  if (!value) return value.error();
  if (!*value) return ArchiveTotals{};
  return ArchiveTotals{(*value)->messages, (*value)->bytes, (*value)->last_archived_at};
}

// Each folder is sorted already, so a page is the beginning of their merge. A page ends behind the last key it used, without
// the archive and folder in front: received (newest first), serial, place tag.
Result<TenantStore::Page> TenantReader::browse(ArchiveId archive, const std::string& folder, const std::string& after,
                                               std::size_t limit) const {
  std::vector<FolderNumber> numbers;
  if (folder.empty()) {
    auto all = numbered_folders(archive);
    if (!all) return all.error();
    for (const auto& numbered : *all) {
      if (numbered.value.messages > 0) numbers.push_back(numbered.number);
    }
  } else {
    auto number = folder_number(archive, folder);
    if (!number) return number.error();
    if (*number) numbers.push_back(**number);
  }
  Bytes from;
  if (!after.empty()) {
    auto position = base64url_decode(after);
    if (!position || position->empty()) return Error{ErrorCode::invalid, "this is not a place to go on from"};
    from = *std::move(position) + '\0';
  }

  const std::size_t prefix_bytes = folder_key(archive, FolderNumber{}).size();
  const auto position = [prefix_bytes](const Range& rows) { return rows.key().substr(prefix_bytes); };
  std::vector<Range> heads;
  for (const FolderNumber number : numbers) {
    const Bytes prefix = folder_prefix(archive, number);
    heads.push_back(database_.range(kPlacements, prefix + from, after_prefix(prefix)));
    if (auto status = heads.back().status(); !status) return status.error();
    if (!heads.back().valid()) heads.pop_back();
  }
  const auto later = [&](const Range& a, const Range& b) { return position(a) > position(b); };
  std::make_heap(heads.begin(), heads.end(), later);

  TenantStore::Page page;
  Bytes last;
  while (!heads.empty() && page.serials.size() < limit) {
    std::pop_heap(heads.begin(), heads.end(), later);
    Range& head = heads.back();
    Time received;
    const auto place = parse_placement_key(head.key(), received);
    if (!place) return unreadable(kPlacements);
    last = position(head);
    // A message may lie in one folder twice; one line is enough to see it.
    if (page.serials.empty() || page.serials.back() != place->serial) page.serials.push_back(place->serial);
    head.next();
    if (head.valid()) {
      std::push_heap(heads.begin(), heads.end(), later);
    } else {
      if (auto status = head.status(); !status) return status.error();
      heads.pop_back();
    }
  }
  if (!heads.empty() && !last.empty()) page.next = base64url_encode(last);
  return page;
}

// --- quarantine

namespace {

std::string quarantine_id(std::uint64_t number) { return fmt::format("q{}", number); }

std::optional<std::uint64_t> quarantine_number(std::string_view id) {
  if (id.size() < 2 || id.size() > 20 || id[0] != 'q' || id[1] == '0') return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : id.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

TenantStore::QuarantineEntry entry(std::uint64_t number, QuarantineValue value) {
  return {quarantine_id(number), value.at, std::move(value.item), value.bytes};
}

}  // namespace

Result<std::vector<TenantStore::QuarantineEntry>> TenantReader::quarantine(const std::string& after_id,
                                                                           std::size_t limit) const {
  const auto after = after_id.empty() ? std::optional<std::uint64_t>(0) : quarantine_number(after_id);
  if (!after) return Error{ErrorCode::invalid, "this is not the id of a quarantined item"};
  std::vector<TenantStore::QuarantineEntry> entries;
  auto rows = database_.range(kQuarantine, quarantine_row_key(*after + 1), after_prefix("q"));
  for (; rows.valid() && entries.size() < limit; rows.next()) {
    Decoder key(rows.key().substr(1));
    auto value = decode_quarantine(rows.value());
    if (!value) return unreadable(kQuarantine);
    entries.push_back(entry(key.fixed64(), *std::move(value)));
  }
  if (auto status = rows.status(); !status) return status.error();
  return entries;
}

Result<std::optional<TenantStore::QuarantineEntry>> TenantReader::quarantined(const std::string& id) const {
  const auto number = quarantine_number(id);
  if (!number) return std::optional<TenantStore::QuarantineEntry>();
  auto value = read(kQuarantine, quarantine_row_key(*number), decode_quarantine);
  if (!value) return value.error();
  if (!*value) return std::optional<TenantStore::QuarantineEntry>();
  auto stored = database_.get(kQuarantineBytes, quarantine_row_key(*number));
  if (!stored) return stored.error();
  if (!*stored) return unreadable(kQuarantineBytes);
  auto found = entry(*number, **std::move(value));
  auto bytes = coder_.load(**stored, found.bytes);
  if (!bytes) return bytes.error();
  found.item.bytes = *std::move(bytes);
  return std::optional<TenantStore::QuarantineEntry>(std::move(found));
}

}  // namespace kopial
