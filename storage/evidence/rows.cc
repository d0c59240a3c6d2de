// Holding the rows of a store against what its leaves say. One step for each family, in the order a message comes into being.
#include <fmt/format.h>

#include <map>
#include <set>

#include "storage/base/encoding.h"
#include "storage/blob_coder.h"
#include "storage/crypto/digest.h"
#include "storage/dictionary_trainer.h"
#include "storage/evidence/replay.h"
#include "storage/evidence/verify.h"
#include "storage/piece_owners.h"
#include "storage/record_book.h"
#include "storage/tenant_reader.h"

namespace kopial {
namespace {

class Rows {
 public:
  Rows(Database& database, const Secret& key, const Names& names, const Replay& replay, const State& state, std::uint64_t bytes_max,
       const FindingSink& finding, VerifyReport& report)
      : database_(database), names_(names), replay_(replay), state_(state), finding_(finding), report_(report),
        bytes_max_(bytes_max), packs_(database, coder_), parts_(database, coder_, packs_), trainer_(database, coder_),
        reader_(database, names, coder_, parts_, packs_), records_(database, kRecords, key) {}

  Result<void> hold() {
    if (auto loaded = trainer_.load(); !loaded) finding_(loaded.error().message);
    for (const auto step : {&Rows::copies, &Rows::parts, &Rows::packs, &Rows::messages, &Rows::identities, &Rows::placements, &Rows::lists,
                            &Rows::archives, &Rows::digested, &Rows::records, &Rows::quarantined, &Rows::totals}) {
      if (auto done = (this->*step)(); !done) return done;
    }
    return {};
  }

 private:
  template <typename... Args>
  void expect(bool holds, fmt::format_string<Args...> text, Args&&... args) {
    if (!holds) finding_(fmt::format(text, std::forward<Args>(args)...));
  }
  Range all(Family family) const { return database_.range(family, "", ""); }

  Result<void> copies() {
    std::set<CopyId> found;
    auto rows = all(kCopies);
    for (; rows.valid(); rows.next()) {
      const auto id = CopyId::from_bytes(rows.key());
      const auto value = decode_copy(rows.value());
      expect(id && value, "copy {}: its row cannot be read", hex_encode(rows.key()));
      if (!id || !value) continue;
      const auto said = replay_.copies.find(*id);
      expect(said != replay_.copies.end(), "copy {}: no leaf says that it was archived", id->hex());
      found.insert(*id);
      if (said != replay_.copies.end()) {
        expect(said->second.serial == value->serial && said->second.bytes == value->raw_bytes && said->second.defects == value->defects,
               "copy {}: its row is not what leaf {} says", id->hex(), said->second.leaf);
      }
      pieces_.own(value->packed);
      if (value->raw_bytes > bytes_max_) {
        expect(false, "copy {}: its row speaks of {} bytes", id->hex(), value->raw_bytes);
        continue;
      }
      const auto recipe = reader_.recipe(*value);
      expect(recipe.ok(), "copy {}: its recipe cannot be read", id->hex());
      if (!recipe) continue;
      for (const auto& step : recipe->steps) {
        if (step.kind != Step::Kind::literal) ++references_[step.part];
      }
      const auto raw = reader_.rebuild_copy(*value, [this](const PartKey& key) { return reader_.part(key); });
      expect(raw && sha256(*raw) == *id, "copy {} of message {}: its bytes are not those that were archived", id->hex(), to_number(value->serial));
    }
    std::map<std::uint64_t, CopyId> missing;  // the first one first
    for (const auto& [id, said] : replay_.copies) {
      if (!found.contains(id)) missing.emplace(said.leaf, id);
    }
    for (const auto& [leaf, id] : missing) expect(false, "leaf {}: copy {} was archived and is not there", leaf, id.hex());
    report_.copies = found.size();
    return rows.status();
  }

  Result<void> parts() {
    std::set<PartKey> counted;
    auto rows = all(kPartReferences);
    for (; rows.valid(); rows.next()) {
      const auto key = PartKey::from_bytes(rows.key());
      const auto count = decode_number(rows.value());
      const auto used = key ? references_.find(*key) : references_.end();
      expect(used != references_.end() && count && *count == used->second, "part {}: its references are miscounted", hex_encode(rows.key()));
      if (key) counted.insert(*key);
    }
    if (auto status = rows.status(); !status) return status;
    std::size_t stored = 0, chunks = 0, chunks_named = 0;
    auto blobs = all(kParts);
    for (; blobs.valid(); blobs.next()) {
      if (blobs.key().size() > sizeof(PartKey::bytes)) {  // A chunk of a large part, whose head says how many there are.
        ++chunks;
        continue;
      }
      const auto key = PartKey::from_bytes(blobs.key());
      expect(key && references_.contains(*key), "part {}: no copy uses it", hex_encode(blobs.key()));
      if (!key || !references_.contains(*key)) continue;
      ++stored;
      pieces_.own(PartStore::piece_of(blobs.value()));
      const auto bytes = reader_.part(*key);
      if (bytes && bytes->size() > kChunkBytes) chunks_named += (bytes->size() + kChunkBytes - 1) / kChunkBytes;
      expect(bytes && names_.part(*bytes) == *key, "part {}: its bytes do not match its name", key->hex());
    }
    expect(chunks == chunks_named, "{} chunks of large parts are stored and {} used", chunks, chunks_named);
    expect(counted.size() == references_.size() && stored == references_.size(), "{} parts are used, {} are stored and {} are counted",
           references_.size(), stored, counted.size());
    return blobs.status();
  }

  Result<void> packs() { return pieces_.check(database_, reader_); }

  Result<void> messages() {
    std::set<Serial> found;
    std::uint64_t copies = 0;
    bool has_more = false, more = false;
    std::uint64_t last = 0;
    const auto check_more = [&] { expect(has_more == more, "message {}: whether it has further copies is wrong in its row", last); };
    auto rows = all(kMessages);
    for (; rows.valid(); rows.next()) {
      Decoder key(rows.key());
      const Serial serial{key.fixed64()};
      ++copies;
      if (key.done()) {
        check_more();
        last = to_number(serial);
        has_more = more = false;
        found.insert(serial);
        auto value = decode_message(rows.value());
        const auto said = replay_.messages.find(serial);
        expect(value.has_value(), "message {}: its row cannot be read", last);
        expect(said != replay_.messages.end(), "message {}: no leaf says that it was archived", last);
        if (!value) continue;
        has_more = value->more_copies;
        identities_[names_.identity(value->identity)] = serial;
        const auto copy = replay_.copies.find(value->first_copy);
        expect(copy != replay_.copies.end() && copy->second.serial == serial, "message {}: its first copy is not one of its copies", last);
        if (said == replay_.messages.end()) continue;
        value->more_copies = false;
        expect(sha256(encode(*value)) == said->second.row, "message {}: its sender, subject, dates or another field of its row are not what leaf {} says",
               last, said->second.leaf);
        continue;
      }
      more = true;
      const Sequence added{key.fixed64()};
      const auto said = replay_.further.find({serial, added});
      const auto copy = CopyId::from_bytes(decode_text(rows.value()).value_or(""));
      expect(key.done() && to_number(serial) == last && copy && said != replay_.further.end() && said->second == *copy,
             "message {}: a further copy is not what its leaf says", to_number(serial));
    }
    check_more();
    for (const auto& [serial, said] : replay_.messages) {
      expect(found.contains(serial), "leaf {}: message {} was archived and is not there", said.leaf, to_number(serial));
    }
    expect(copies == replay_.copies.size(), "messages name {} copies, and the leaves {}", copies, replay_.copies.size());
    report_.messages = found.size();
    return rows.status();
  }

  Result<void> identities() {
    std::size_t count = 0;
    auto rows = all(kIdentities);
    for (; rows.valid(); rows.next()) {
      ++count;
      const auto said = identities_.find(Bytes(rows.key()));
      const auto serial = decode_number(rows.value());
      expect(said != identities_.end() && serial && *serial == to_number(said->second), "an identity leads to a message that is not its");
    }
    expect(count == identities_.size(), "there are {} identities and {} messages", count, identities_.size());
    return rows.status();
  }

  Result<void> placements() {
    std::set<Bytes> found;
    auto rows = all(kMessagePlacements);
    for (; rows.valid(); rows.next()) {
      const auto place = parse_message_placement_key(rows.key());
      const auto value = decode_placement(rows.value());
      expect(place && value, "a placement cannot be read");
      if (!place || !value) continue;
      found.insert(Bytes(rows.key()));
      const auto serial = to_number(place->serial);
      const auto copy = replay_.copies.find(value->copy);
      expect(copy != replay_.copies.end() && copy->second.serial == place->serial && copy->second.bytes == value->bytes,
             "a placement of message {} names a copy that is not its", serial);
      expect(names_.place(value->source_item, value->copy) == place->tag, "a placement of message {}: its source's item is another", serial);
      const auto said = replay_.places.find(Bytes(rows.key()));
      expect(said != replay_.places.end(), "message {}: no leaf says that it lies in folder {} of archive {}", serial,
             to_number(place->folder), to_number(place->archive));
      if (said != replay_.places.end()) {
        expect(said->second.received == value->received, "message {}: the date it was received is not what leaf {} says", serial, said->second.leaf);
        expect(said->second.copy == value->copy && said->second.unread == value->unread && said->second.vanished_at == value->vanished_at,
               "message {}: a placement is not what leaf {} says", serial, said->second.leaf);
      }
      auto& archive = archives_[place->archive];
      ++archive.messages;
      archive.bytes += value->bytes;
      ++folders_[{place->archive, to_number(place->folder)}];
      lists_.insert(placement_key(*place, value->received));
      bytes_ += value->bytes;
    }
    std::map<std::pair<std::uint64_t, Bytes>, std::uint64_t> missing;
    for (const auto& [key, said] : replay_.places) {
      if (!found.contains(key)) missing[{said.leaf, key}] = to_number(parse_message_placement_key(key)->serial);
    }
    for (const auto& [where, serial] : missing) expect(false, "leaf {}: message {} was placed, and the placement is not there", where.first, serial);
    report_.placements = found.size();
    return rows.status();
  }

  Result<void> lists() {
    std::size_t count = 0;
    auto rows = all(kPlacements);
    for (; rows.valid(); rows.next()) {
      ++count;
      expect(lists_.contains(Bytes(rows.key())) && rows.value() == encode_text(""), "a folder lists a message that does not lie there, or at another date");
    }
    expect(count == lists_.size(), "folders list {} placements, and there are {}", count, lists_.size());
    return rows.status();
  }

  Result<void> archives() {
    std::map<ArchiveId, std::uint64_t> last_folder, named;
    std::set<std::pair<ArchiveId, std::uint32_t>> found;
    std::size_t names = 0;
    auto rows = all(kArchives);
    for (; rows.valid(); rows.next()) {
      Decoder key(rows.key());
      const ArchiveId archive{key.fixed32()};
      const auto number = to_number(archive);
      if (key.done()) {
        const auto value = decode_archive(rows.value());
        const auto& counted = archives_[archive];
        expect(value && value->messages == counted.messages && value->bytes == counted.bytes, "archive {}: its totals are not those of its placements", number);
        const auto last = replay_.last_archived.find(archive);
        // What an erased message did to this time cannot be told any more.
        const bool known = !replay_.erasures && (last == replay_.last_archived.end() || last->second);
        expect(!known || (value && value->last_archived_at == (last == replay_.last_archived.end() ? std::nullopt : last->second)),
               "archive {}: the time of its last message is not what the leaves say", number);
        if (value) last_folder[archive] = value->last_folder;
      } else if (key.rest().size() == sizeof(std::uint32_t)) {
        const auto folder = key.fixed32();
        const auto value = decode_folder(rows.value());
        const auto said = replay_.folders.find({archive, folder});
        expect(said != replay_.folders.end(), "archive {}, folder {}: no leaf names it", number, folder);
        found.insert({archive, folder});
        ++named[archive];
        if (said == replay_.folders.end()) continue;
        expect(value && value->path == said->second.path, "archive {}, folder {}: its name is not what leaf {} says", number, folder, said->second.leaf);
        expect(value && value->messages == folders_[{archive, folder}], "archive {}, folder {}: its count is wrong", number, folder);
      } else {
        ++names;
        const auto value = decode_number(rows.value());
        const auto said = value && *value <= UINT32_MAX ? replay_.folders.find({archive, static_cast<std::uint32_t>(*value)}) : replay_.folders.end();
        expect(said != replay_.folders.end() && folder_name_key(archive, names_.folder(said->second.path)) == rows.key(),
               "archive {}: a folder's name leads elsewhere", number);
      }
    }
    for (const auto& [where, said] : replay_.folders) {
      expect(found.contains(where), "leaf {}: archive {} got folder {}, and it is not there", said.leaf, to_number(where.first), where.second);
    }
    expect(names == replay_.folders.size(), "there are {} names of folders and {} folders", names, replay_.folders.size());
    expect(last_folder == named, "the numbers of folders do not fit their rows");
    for (const auto& [archive, counted] : archives_) expect(last_folder.contains(archive), "archive {} has no totals", to_number(archive));
    return rows.status();
  }

  // Families whose rows the leaves know by digest: what sources said, cursors, records.
  Result<void> digested() {
    for (const auto family : {kSeen, kSeenItems, kCursors}) {
      const auto number = static_cast<std::uint8_t>(family);
      Replay::Rows expected;
      if (const auto said = replay_.rows.find(number); said != replay_.rows.end()) expected = said->second;
      auto rows = all(family);
      for (; rows.valid(); rows.next()) {
        hold(expected, row_fact(number, rows.key(), Bytes(rows.value())), tenant_families()[family].name);
        if (family == kSeenItems) {
          const auto item = decode_text(rows.value());
          expect(item && rows.key().ends_with(names_.seen_item(*item)), "a row of seen_items stands under another's name");
        }
      }
      if (auto status = rows.status(); !status) return status;
      miss(expected, tenant_families()[family].name);
    }
    return {};
  }
  void hold(Replay::Rows& expected, const Fact& row, std::string_view what) {
    const auto said = expected.find(row.row_key);
    expect(said != expected.end(), "a row of {}: no leaf says that it is there", what);
    if (said == expected.end()) return;
    expect(said->second.digest == row.row, "a row of {} is not what leaf {} says", what, said->second.leaf);
    expected.erase(said);
  }
  void miss(const Replay::Rows& expected, std::string_view what) {
    std::set<std::uint64_t> leaves;
    for (const auto& [key, said] : expected) leaves.insert(said.leaf);
    for (const auto leaf : leaves) expect(false, "leaf {}: a row of {} was written and is not there", leaf, what);
  }

  // Who may see what, and the like.
  Result<void> records() {
    Replay::Rows expected;
    if (const auto said = replay_.rows.find(kRecords); said != replay_.rows.end()) expected = said->second;
    auto taken = records_.take_all([&](const std::vector<Fact>& facts, std::uint64_t amiss) -> Result<void> {
      expect(amiss == 0, "{} records cannot be read, or are listed where they do not belong", amiss);
      for (const auto& fact : facts) hold(expected, fact, "records (users, grants, archives and the like)");
      return {};
    });
    if (!taken) return taken;
    miss(expected, "records (users, grants, archives and the like)");
    return {};
  }

  Result<void> quarantined() {
    std::set<std::uint64_t> found;
    std::size_t tags = 0;
    auto rows = all(kQuarantine);
    for (; rows.valid(); rows.next()) {
      Decoder key(rows.key());
      const auto kind = key.u8();
      if (kind == 'k') {
        ++tags;
        tags_[Bytes(rows.key())] = decode_number(rows.value()).value_or(0);
        continue;
      }
      const auto number = key.fixed64();
      const auto said = replay_.quarantine.find(number);
      expect(kind == 'q' && key.done() && said != replay_.quarantine.end(), "quarantine: no leaf says that item {} was put there", number);
      if (said == replay_.quarantine.end()) continue;
      found.insert(number);
      expect(sha256(rows.value()) == said->second.row, "quarantined item {}: its row is not what leaf {} says", number, said->second.leaf);
      auto item = decode_quarantine(rows.value());
      auto stored = database_.get(kQuarantineBytes, quarantine_row_key(number));
      if (!stored) return stored.error();
      const auto bytes = item && *stored ? coder_.load(**stored, item->bytes) : Result<Bytes>(Error{});
      expect(bytes && sha256(*bytes) == said->second.content, "quarantined item {}: its bytes are not those that arrived", number);
      if (!item || !bytes) continue;
      item->item.bytes = *bytes;
      expected_tags_[quarantine_tag_key(names_.quarantine(item->item))] = number;
    }
    if (auto status = rows.status(); !status) return status;
    for (const auto& [number, said] : replay_.quarantine) expect(found.contains(number), "leaf {}: quarantined item {} is not there", said.leaf, number);
    expect(tags_ == expected_tags_, "the names of quarantined items lead elsewhere");
    std::size_t blobs = 0;
    auto bytes = all(kQuarantineBytes);
    for (; bytes.valid(); bytes.next()) ++blobs;
    expect(blobs == found.size(), "there are bytes of {} quarantined items, and {} items", blobs, found.size());
    return bytes.status();
  }

  Result<void> totals() {
    expect(state_.messages == report_.messages && state_.copies == report_.copies && state_.placements == report_.placements && state_.raw_bytes == bytes_,
           "the store's totals are not those of its rows");
    std::uint64_t last_serial = 0;
    if (!replay_.messages.empty()) last_serial = to_number(replay_.messages.rbegin()->first);
    expect(replay_.erasures ? state_.last_serial >= last_serial : state_.last_serial == last_serial, "the store's last serial is {}, and the leaves say {}",
           state_.last_serial, last_serial);
    const std::uint64_t last_quarantine = replay_.quarantine.empty() ? 0 : replay_.quarantine.rbegin()->first;
    expect(state_.last_quarantine == last_quarantine, "the store's last quarantined item is {}, and the leaves say {}", state_.last_quarantine, last_quarantine);
    return {};
  }

  const Database& database_;
  const Names& names_;
  const Replay& replay_;
  const State& state_;
  const FindingSink& finding_;
  VerifyReport& report_;
  const std::uint64_t bytes_max_;
  BlobCoder coder_;
  PackStore packs_;
  const PartStore parts_;
  DictionaryTrainer trainer_;  // only for reading the dictionaries
  const TenantReader reader_;
  RecordBook records_;
  std::map<PartKey, std::uint64_t> references_;
  PieceOwners pieces_{finding_};
  std::map<Bytes, Serial> identities_;
  std::map<ArchiveId, ArchiveValue> archives_;
  std::map<std::pair<ArchiveId, std::uint32_t>, std::uint64_t> folders_;
  std::set<Bytes> lists_;
  std::map<Bytes, std::uint64_t> tags_, expected_tags_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Result<void> hold_rows(Database& database, const Secret& key, const Names& names, const Replay& replay, const State& state,
                       std::uint64_t message_bytes_max, const FindingSink& finding, VerifyReport& report) {
  return Rows(database, key, names, replay, state, message_bytes_max, finding, report).hold();
}

}  // namespace kopial
