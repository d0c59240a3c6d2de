// The rules of archiving: turns prepared batches into the rows of one atomic write.
//
// What a batch finds is the store plus everything the builder has added before, so that two batches that bring the same copy
// cannot both think it new. Totals are carried in memory and written once, by `finish`.
#pragma once

#include <rocksdb/utilities/write_batch_with_index.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "storage/evidence/entry.h"
#include "storage/evidence/merkle.h"
#include "storage/layout.h"
#include "storage/preparer.h"
#include "storage/values.h"

namespace kopial {

// For one thread at a time. After an `add` failed the builder holds half of a batch and must be thrown away.
class BatchBuilder {
 public:
  // `edge` is the evidence log as it stands; nullptr writes no evidence (benches only).
  BatchBuilder(const Database& database, const Names& names, const PartStore& parts, const PackStore& packs, const State& state,
               const TreeEdge* edge, Time now);

  Result<BatchOutcome> add(const PreparedBatch& batch);
  // In batch_erasure.cc. To be the only thing in its batch. `seen_rows`: further rows that name one of the messages. Fails with
  // conflict when a message has other copies than it was prepared with.
  Result<ErasureOutcome> erase(const std::vector<PreparedErasure>& erasures, const std::vector<std::pair<Serial, Bytes>>& seen_rows,
                               const std::function<Result<void>(Serial)>& may_erase);
  // An event of its own kind, with its facts: an audit event, a note about the log.
  void add_event(EntryKind kind, std::vector<Fact> facts);
  // Rows that somebody else has made (evidence/beginning.h): nullopt removes.
  void add_row(Family family, BytesView key, const std::optional<Bytes>& value);
  // A change that was in the store before its log began becomes a leaf.
  void take_change(Sequence sequence, Entry entry);
  void set_beginning(std::uint8_t stage, Bytes at);
  // Nothing may be added afterwards. False when there is nothing to write.
  bool finish();

  rocksdb::WriteBatch& rows() { return *rows_.GetWriteBatch(); }
  const State& state() const { return state_; }
  // Rows of kSeen that were written, and the messages they name.
  const std::vector<std::pair<Serial, Bytes>>& seen_rows() const { return seen_rows_; }
  const TreeEdge& edge() const { return edge_; }  // after `finish`: with the leaves of this batch

 private:
  enum class Placed { unchanged, added, reopened };
  struct Kept {
    Serial serial{};
    bool new_copy = false, new_message = false;
    std::uint32_t defects = 0;
  };

  Result<IntakeOutcome> add_message(const PreparedIntake& intake);
  Result<Kept> keep_copy(const PreparedMessage& message);
  Result<void> keep_parts(const PreparedMessage& message);
  void put_packs();
  Result<void> add_further_copy(Serial serial, const CopyId& copy);
  // The message it was about; nullopt when nothing was to do.
  Result<std::optional<Serial>> move(const Moved& moved);
  Result<std::optional<Serial>> vanish(const Vanished& vanished);
  Result<void> quarantine(const PreparedQuarantine& item);
  Result<void> set_cursor(const CursorUpdate& cursor);

  Result<Placed> put_placement(const PlaceKey& place, const PlacementValue& value);
  Result<std::optional<PlacementValue>> take_placement(const PlaceKey& place);   // removes it
  Result<bool> close_placement(const PlaceKey& place, Time at);                  // false: it was closed or is gone
  Result<bool> leave_place(const SeenRow& before, const PlaceKey& here);         // true: `here` takes its place
  Result<void> drop_seen_item(const SeenKey& key, const SeenRow& row);
  void put_seen(BytesView key, const SeenRow& after);
  void put_seen_item(const SeenKey& key, std::string_view folder);
  void put_place(const PlaceKey& place, const PlacementValue& value);

  Result<void> erase(const PreparedErasure& erasure, ErasureOutcome& outcome);
  Result<void> erase_placements(const PreparedErasure& erasure, ErasureOutcome& outcome);
  Result<void> erase_seen(const PreparedErasure& erasure, BytesView seen_key);
  Result<void> erase_copies(const PreparedErasure& erasure, ErasureOutcome& outcome);
  Result<void> release_part(const PartKey& key, std::uint64_t references, ErasureOutcome& outcome);
  // Takes content and salt from the entries that say what went; gives their leaves, and those an earlier erasure of this message took.
  Result<std::vector<std::uint64_t>> redact_entries(const PreparedErasure& erasure);
  Result<void> state_what_stays(const PreparedErasure& erasure);
  Sequence add_change(ChangeKind kind, Serial serial, const CopyId& copy);
  // What the rows just written mean for the evidence. A fact goes into the last change of the message it is about, or into an
  // entry of its own when that has none: an entry is of one message, so that erasing one takes nothing from another's proof.
  void add_fact(Fact fact) { facts_.push_back(std::move(fact)); }
  void add_row_fact(Family family, BytesView key, const std::optional<Bytes>& row);
  void end_row_facts();
  void end_entry(std::optional<Serial> message, EntryKind without_change = EntryKind::noted);
  void write_entries();

  Result<ArchiveValue*> archive(ArchiveId id);
  Result<FolderValue*> folder(ArchiveId archive, FolderNumber number);
  Result<FolderNumber> folder_number(ArchiveId archive, const std::string& path);

  Result<std::optional<Bytes>> read(Family family, BytesView key);
  template <typename Value>
  Result<std::optional<Value>> read(Family family, BytesView key, std::optional<Value> (*decode)(BytesView));
  void put(Family family, BytesView key, BytesView value);
  void remove(Family family, BytesView key);

  const Database& database_;
  const Names& names_;
  const PartStore& parts_;
  const PackStore& packs_;
  const State before_;
  State state_;
  const Time now_;
  const bool evidence_;
  TreeEdge edge_;
  rocksdb::WriteBatchWithIndex rows_;
  std::vector<std::pair<Serial, Bytes>> seen_rows_;
  PieceSet erased_recipes_, erased_parts_;
  std::vector<const NewPack*> new_packs_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> owned_;  // their pieces that rows of this batch name
  struct PendingEntry {
    Entry entry;
    Sequence sequence{};  // of a change
  };
  std::vector<PendingEntry> entries_;
  std::vector<Fact> facts_;        // of the entry that is being made
  std::vector<Fact> folder_facts_;
  std::vector<Fact> row_facts_;    // of rows that an erasure writes anew and does not forget; one entry for all of a batch
  std::size_t entries_ended_ = 0;  // how many of entries_ are complete
  template <typename Value>
  struct Counted {
    std::optional<Value> before;
    Value now;
  };
  std::map<ArchiveId, Counted<ArchiveValue>> archives_;
  std::map<std::pair<ArchiveId, FolderNumber>, Counted<FolderValue>> folders_;
  std::map<std::pair<ArchiveId, std::string>, FolderNumber> folder_numbers_;
};

}  // namespace kopial
