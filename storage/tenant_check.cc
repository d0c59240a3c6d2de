#include "storage/tenant_check.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/piece_owners.h"

namespace kopial {
namespace {

constexpr std::size_t kFindingsMax = 100;  // What is wrong everywhere need not be said everywhere.

class Check {
 public:
  Check(const Database& database, const Names& names, const TenantReader& reader, const State& state)
      : database_(database), names_(names), reader_(reader), state_(state) {}

  Result<std::vector<std::string>> run() {
    for (const auto step : {&Check::copies, &Check::parts, &Check::packs, &Check::messages, &Check::placements, &Check::archives,
                            &Check::seen, &Check::changes, &Check::totals}) {
      if (auto done = (this->*step)(); !done) return done.error();
    }
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void expect(bool holds, fmt::format_string<Args...> text, Args&&... args) {
    if (!holds && findings_.size() < kFindingsMax) findings_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
  Range all(Family family) const { return database_.range(family, "", ""); }

  Result<void> copies() {
    auto rows = all(kCopies);
    for (; rows.valid(); rows.next()) {
      const auto id = CopyId::from_bytes(rows.key());
      const auto value = decode_copy(rows.value());
      expect(id && value, "copy {}: its row cannot be read", hex_encode(rows.key()));
      if (!id || !value) continue;
      copies_[*id] = {value->serial, value->raw_bytes};
      pieces_.own(value->packed);
      const auto recipe = reader_.recipe(*value);
      expect(recipe.ok(), "copy {}: its recipe cannot be read", id->hex());
      if (!recipe) continue;
      for (const auto& step : recipe->steps) {
        if (step.kind != Step::Kind::literal) ++references_[step.part];
      }
      const auto raw = reader_.rebuild_copy(*value, [this](const PartKey& key) { return reader_.part(key); });
      expect(raw && sha256(*raw) == *id, "copy {}: its bytes do not match its name", id->hex());
    }
    return rows.status();
  }

  Result<void> parts() {
    std::map<PartKey, std::uint64_t> counted;
    auto rows = all(kPartReferences);
    for (; rows.valid(); rows.next()) {
      const auto key = PartKey::from_bytes(rows.key());
      const auto count = decode_number(rows.value());
      expect(key && count, "a row of part references cannot be read");
      if (key && count) counted[*key] = *count;
    }
    if (auto status = rows.status(); !status) return status;
    expect(counted == references_, "the references of {} parts are recorded, and {} are used, or their counts differ",
           counted.size(), references_.size());
    std::size_t stored = 0, chunks = 0, named = 0;
    std::optional<PartKey> last;
    auto blobs = all(kParts);
    for (; blobs.valid(); blobs.next()) {
      const auto key = PartKey::from_bytes(blobs.key().substr(0, sizeof(PartKey::bytes)));
      if (key && blobs.key().size() > sizeof(PartKey::bytes)) {  // A chunk of a large part, behind its head.
        expect(last && *key == *last, "a chunk of part {} is left of a part that is not there", key->hex());
        ++chunks;
        continue;
      }
      ++stored;
      last = key;
      pieces_.own(PartStore::piece_of(blobs.value()));
      expect(key && references_.contains(*key), "part {}: nothing uses it", hex_encode(blobs.key()));
      if (!key) continue;
      const auto bytes = reader_.part(*key);
      if (bytes && bytes->size() > kChunkBytes) named += (bytes->size() + kChunkBytes - 1) / kChunkBytes;
      expect(bytes && names_.part(*bytes) == *key, "part {}: its bytes do not match its name", key->hex());
    }
    expect(chunks == named, "{} chunks of large parts are stored and {} used", chunks, named);
    expect(stored == references_.size(), "{} parts are stored and {} used", stored, references_.size());
    return blobs.status();
  }

  Result<void> packs() { return pieces_.check(database_, reader_); }

  Result<void> messages() {
    std::uint64_t copies = 0, last = 0;
    auto rows = all(kMessages);
    for (; rows.valid(); rows.next()) {
      Decoder key(rows.key());
      const std::uint64_t serial = key.fixed64();
      std::optional<CopyId> copy;
      if (key.done()) {
        ++messages_;
        last = serial;
        serials_.insert(serial);
        const auto value = decode_message(rows.value());
        expect(value.has_value(), "message {}: its row cannot be read", serial);
        if (!value) continue;
        copy = value->first_copy;
        auto found = database_.get(kIdentities, names_.identity(value->identity));
        if (!found) return found.error();
        expect(*found && decode_number(**found) == serial, "message {}: its identity leads elsewhere", serial);
      } else {
        expect(serial == last, "message {}: it has a further copy and no row", serial);
        copy = CopyId::from_bytes(decode_text(rows.value()).value_or(""));
      }
      ++copies;
      const auto known = copy ? copies_.find(*copy) : copies_.end();
      expect(known != copies_.end() && to_number(known->second.serial) == serial, "message {}: a copy of it is missing",
             serial);
    }
    expect(copies == copies_.size(), "messages name {} copies, and there are {}", copies, copies_.size());
    std::uint64_t identities = 0;
    auto names = all(kIdentities);
    for (; names.valid(); names.next()) ++identities;
    expect(identities == messages_, "there are {} identities and {} messages", identities, messages_);
    if (auto status = names.status(); !status) return status;
    return rows.status();
  }

  Result<void> placements() {
    auto rows = all(kMessagePlacements);
    for (; rows.valid(); rows.next()) {
      const auto place = parse_message_placement_key(rows.key());
      const auto value = decode_placement(rows.value());
      expect(place && value, "a placement cannot be read");
      if (!place || !value) continue;
      const auto copy = copies_.find(value->copy);
      expect(copy != copies_.end() && copy->second.serial == place->serial && copy->second.bytes == value->bytes,
             "a placement of message {} names a copy that is not its", to_number(place->serial));
      expect(names_.place(value->source_item, value->copy) == place->tag, "a placement of message {} has another's tag",
             to_number(place->serial));
      auto listed = database_.contains(kPlacements, placement_key(*place, value->received));
      if (!listed) return listed.error();
      expect(*listed, "a placement of message {} is not listed in its folder", to_number(place->serial));
      ++placements_;
      bytes_ += value->bytes;
      auto& archive = archives_[place->archive];
      ++archive.messages;
      archive.bytes += value->bytes;
      ++folders_[{place->archive, place->folder}];
      places_.insert(Bytes(rows.key()));
    }
    if (auto status = rows.status(); !status) return status;
    std::uint64_t listed = 0;
    auto lists = all(kPlacements);
    for (; lists.valid(); lists.next()) ++listed;
    expect(listed == placements_, "folders list {} placements, and there are {}", listed, placements_);
    return lists.status();
  }

  Result<void> archives() {
    std::map<ArchiveId, std::uint64_t> last_folder, folders, names;
    auto rows = all(kArchives);
    for (; rows.valid(); rows.next()) {
      Decoder key(rows.key());
      const ArchiveId archive{key.fixed32()};
      const auto number = to_number(archive);
      if (key.done()) {
        const auto value = decode_archive(rows.value());
        const auto& counted = archives_[archive];
        expect(value && value->messages == counted.messages && value->bytes == counted.bytes,
               "archive {}: its totals are not those of its placements", number);
        if (value) last_folder[archive] = value->last_folder;
      } else if (key.rest().size() == sizeof(std::uint32_t)) {
        const FolderNumber folder{key.fixed32()};
        const auto value = decode_folder(rows.value());
        expect(value && value->messages == folders_[{archive, folder}], "archive {}, folder {}: its count is wrong", number,
               to_number(folder));
        ++folders[archive];
        if (!value) continue;
        auto back = database_.get(kArchives, folder_name_key(archive, names_.folder(value->path)));
        if (!back) return back.error();
        expect(*back && decode_number(**back) == to_number(folder), "archive {}, folder {}: its name leads elsewhere", number,
               to_number(folder));
      } else {
        ++names[archive];
      }
    }
    expect(last_folder == folders && folders == names, "the numbers of folders do not fit their rows");
    for (const auto& [archive, counted] : archives_) {
      expect(last_folder.contains(archive), "archive {} has no totals", to_number(archive));
    }
    return rows.status();
  }

  Result<void> seen() {
    std::uint64_t open = 0, items = 0;
    auto rows = all(kSeen);
    for (; rows.valid(); rows.next()) {
      const auto row = decode_seen(rows.value());
      expect(row.has_value(), "a seen item cannot be read");
      if (!row) continue;
      if (!row->vanished) ++open;
      if (row->erased) {
        expect(row->copy == CopyId{}, "a seen item of an erased message still names a copy");
        continue;
      }
      const auto copy = copies_.find(row->copy);
      expect(copy != copies_.end() && copy->second.serial == row->serial, "a seen item names a copy that is not there");
      if (row->vanished) continue;
      // Not necessarily where this row says: another profile over the same mailbox may have heard of a move first.
      const Bytes prefix = Encoder().fixed64(to_number(row->serial)).fixed32(to_number(row->archive)).take();
      const auto place = places_.lower_bound(prefix);
      expect(place != places_.end() && place->starts_with(prefix), "a seen item of message {} is placed nowhere",
             to_number(row->serial));
    }
    if (auto status = rows.status(); !status) return status;
    auto lists = all(kSeenItems);
    for (; lists.valid(); lists.next()) ++items;
    expect(items == open, "{} items are seen, and folders list {}", open, items);
    return lists.status();
  }

  Result<void> changes() {
    std::uint64_t last = 0;
    std::set<std::uint64_t> redacted;
    auto rows = all(kChanges);
    for (; rows.valid(); rows.next()) {
      Decoder key(rows.key());
      const std::uint64_t sequence = key.fixed64();
      expect(sequence == last + 1, "change {} follows change {}", sequence, last);
      last = sequence;
      const auto change = decode_change(Sequence{sequence}, rows.value());
      expect(change.has_value(), "change {} cannot be read", sequence);
      if (!change) continue;
      if (change->kind == ChangeKind::erased) erased_.insert(to_number(change->serial));
      if (change->copy == CopyId{}) {
        redacted.insert(to_number(change->serial));
        continue;
      }
      const auto copy = copies_.find(change->copy);
      expect(copy != copies_.end() && copy->second.serial == change->serial, "change {} names a copy that is not there",
             sequence);
    }
    for (const auto serial : redacted) expect(erased_.contains(serial), "changes of message {} name no copy, and nothing erased it", serial);
    expect(last == state_.last_sequence, "the last change is {} and should be {}", last, state_.last_sequence);
    return rows.status();
  }

  Result<void> totals() {
    expect(state_.messages == messages_, "{} messages were counted, and there are {}", state_.messages, messages_);
    for (std::uint64_t serial = 1; serial <= state_.last_serial; ++serial) {
      expect(serials_.contains(serial) || erased_.contains(serial), "message {} is not there, and nothing erased it", serial);
    }
    expect(serials_.empty() || *serials_.rbegin() <= state_.last_serial, "there is a message {} and the last one is {}",
           serials_.empty() ? 0 : *serials_.rbegin(), state_.last_serial);
    expect(state_.copies == copies_.size(), "{} copies were counted, and there are {}", state_.copies, copies_.size());
    expect(state_.placements == placements_ && state_.raw_bytes == bytes_,
           "{} placements of {} bytes were counted, and there are {} of {}", state_.placements, state_.raw_bytes, placements_,
           bytes_);
    return {};
  }

  struct CopyFacts {
    Serial serial{};
    std::uint64_t bytes = 0;
  };
  const Database& database_;
  const Names& names_;
  const TenantReader& reader_;
  const State state_;
  std::vector<std::string> findings_;
  std::map<CopyId, CopyFacts> copies_;
  std::map<PartKey, std::uint64_t> references_;
  PieceOwners pieces_{[this](const std::string& finding) { expect(false, "{}", finding); }};
  std::uint64_t messages_ = 0, placements_ = 0, bytes_ = 0;
  std::map<ArchiveId, ArchiveValue> archives_;
  std::map<std::pair<ArchiveId, FolderNumber>, std::uint64_t> folders_;
  std::set<Bytes> places_;
  std::set<std::uint64_t> serials_, erased_;
};

}  // namespace

Result<std::vector<std::string>> check_tenant(const Database& database, const Names& names, const TenantReader& reader,
                                              const State& state) {
  return Check(database, names, reader, state).run();
}

}  // namespace kopial
