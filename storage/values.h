// The values of a tenant's families, field by field. Each begins with a u8 format version; times are zigzag varints of
// milliseconds since 1970. Decoding answers nullopt for bytes that are not such a value, and the caller says corrupt.
#pragma once

#include <cstdint>
#include <optional>

#include "storage/base/bytes.h"
#include "storage/evidence/entry.h"
#include "storage/evidence/merkle.h"
#include "storage/layout.h"
#include "storage/pack_store.h"
#include "storage/tenant_store.h"

namespace kopial {

// "state": serials, sequences and totals; written with every batch.
struct State {
  std::uint64_t last_serial = 0, last_sequence = 0, last_quarantine = 0;
  std::uint64_t messages = 0, copies = 0, placements = 0, raw_bytes = 0;
  std::uint64_t leaves = 0;  // of the evidence log, with their root
  Digest root = empty_root();
  // A store from before it kept evidence: how far what was in it already has become leaves (evidence/beginning.h).
  std::uint8_t beginning = 0;  // the stage; 0: the log has begun
  Bytes beginning_at;          // where the stage goes on
  // The changes up to this one are leaves.
  Sequence last_taken() const;
  bool is_before_records() const;  // the log has yet to begin with the records
  bool operator==(const State&) const = default;
};
Bytes encode(const State& state);
// One of version 1 is a store without evidence, whose log has to begin.
std::optional<State> decode_state(BytesView value);
bool is_newer_state(BytesView value);  // a version that this one does not know

struct CopyValue {
  Serial serial{};
  std::uint64_t raw_bytes = 0;
  std::uint32_t defects = 0;
  BytesView recipe;  // a stored blob; a view of the value; "" when the recipe is in a pack
  PieceName packed;
};
Bytes encode(const CopyValue& copy);
std::optional<CopyValue> decode_copy(BytesView value);

struct MessageValue {
  Digest identity;
  CopyId first_copy;
  std::uint64_t bytes = 0;
  Time archived_at;
  bool more_copies = false;  // there are rows of further copies
  Summary summary;
  Sequence added{};  // the change that says it was added; 0 in a row of version 1
};
Bytes encode(const MessageValue& message);
std::optional<MessageValue> decode_message(BytesView value);

struct PlacementValue {
  CopyId copy;
  std::uint64_t bytes = 0;
  Time received;
  bool unread = false;
  std::optional<Time> vanished_at;
  Bytes source_item;
};
Bytes encode(const PlacementValue& placement);
std::optional<PlacementValue> decode_placement(BytesView value);
Fact placed_fact(const PlaceKey& place, const PlacementValue& value);  // what a leaf says of it

// A source's item. A vanished one stays, so that its item may come back. One whose message was erased stays without saying what it
// was (no copy, no place): else the next run would bring it back.
struct SeenRow {
  CopyId copy;
  Serial serial{};
  ArchiveId archive{};
  FolderNumber folder{};
  Bytes place_tag;
  bool vanished = false;
  bool erased = false;
  Bytes change_key;
  PlaceKey place() const { return {serial, archive, folder, place_tag}; }
  bool operator==(const SeenRow&) const = default;
};
Bytes encode(const SeenRow& seen);
std::optional<SeenRow> decode_seen(BytesView value);

// A row of changes is an entry of the evidence log (evidence/entry.h); before the log began it was
//   u8 version = 1, u8 kind, varint serial, 32 copy
// An erased one names no copy.
std::optional<Change> decode_change(Sequence sequence, BytesView value);

struct ArchiveValue {
  std::uint64_t messages = 0, bytes = 0, last_folder = 0;
  std::optional<Time> last_archived_at;
  bool operator==(const ArchiveValue&) const = default;
};
Bytes encode(const ArchiveValue& archive);
std::optional<ArchiveValue> decode_archive(BytesView value);

struct FolderValue {
  Bytes path;
  std::uint64_t messages = 0;
  bool operator==(const FolderValue&) const = default;
};
Bytes encode(const FolderValue& folder);
std::optional<FolderValue> decode_folder(BytesView value);

struct QuarantineValue {
  Time at;
  std::uint64_t bytes = 0;
  Quarantined item;  // without its bytes
};
Bytes encode(const QuarantineValue& quarantine);
std::optional<QuarantineValue> decode_quarantine(BytesView value);

// One number or one text alone.
Bytes encode_number(std::uint64_t number);
std::optional<std::uint64_t> decode_number(BytesView value);
Bytes encode_text(BytesView text);
std::optional<Bytes> decode_text(BytesView value);

}  // namespace kopial
