// What a leaf of the evidence log says: the canonical bytes of one change or audit event, field by field, and the salted commitment
// to them that stands in the tree.
//
// Canonical bytes (integers are LEB128 varints, times zigzag varints of milliseconds since 1970, blobs are length-prefixed):
//   u8      version = 1
//   u8      kind, see EntryKind
//   time    at: when it was committed here (the arrival time of a message)
//   varint  serial of the message, 32 bytes SHA-256 of the copy        (kinds below 16)
//   then facts to the end, each a u8 type and:
//     1 copy        the header's copy is stored:   varint raw bytes, varint defects
//     2 message     the header's message:          32 bytes SHA-256 of its row (values.h; `more_copies` as 0)
//     3 placed      a placement is now so:         u8 flags (1 unread, 2 vanished, 4 of another message than the header's, 8 other copy),
//                   [varint serial], [32 copy], varint archive, varint folder, 8 tag, time received, [time vanished]
//     4 unplaced    a placement is gone, it moved: varint serial, varint archive, varint folder, 8 tag
//     5 folder      a folder got its number:       varint archive, varint folder, blob path
//     6 row         how another row is now:        u8 family, 8 digest of its key, u8 flags (1 it is there), [16 digest]
//     7 quarantined                                varint number, 32 SHA-256 of its row, 32 SHA-256 of its bytes
//     8 audit                                      blob: the event as JSON
//     9 erased      the message, or copies of it, are gone: u8 what (1 message, 2 copies), varint serial, varint count, then the
//                   leaves whose salt and content were removed: varint each, the first as it is, the others as the distance
//    10 note        a sentence about the log itself (a branch after a restore): blob JSON
//    11 earlier     this entry is about something that was in the store before its log began. `at` is when the log took it; that
//                   it is older is what the store said then: u8 flags (1 a time is known), [time]
// A row's digest is the first 16 bytes of SHA-256(u8 family, blob key, plain value); that of its key the first 8 of SHA-256(u8 family, key).
// Such rows (what sources said, cursors, records) stand under keyed tags, and their facts are in entries of their own: an erasure writes
// the rows anew and takes no earlier word on them away.
//
// A leaf is 32 bytes: SHA-256("kopial leaf 1" NUL, 16 bytes salt, canonical bytes). Without salt and bytes it says nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"

namespace kopial {

enum class EntryKind : std::uint8_t {
  message_added = 1,      // those below 16 are changes: ChangeKind of tenant_store.h
  copy_added = 2,
  placement_changed = 3,
  erased = 4,
  noted = 16,        // rows that no reader of changes needs to hear of: what a source said, a flag, a cursor
  quarantined = 17,
  audit = 18,
  branch = 19,       // an administrator accepted a store that does not follow from its anchor
  record = 20,       // a record that is no mail: an archive, a user, a grant
  begun = 21,        // the log began in a store that was there already; said before the first thing it took and after the last
};
constexpr bool is_change(EntryKind kind) { return static_cast<std::uint8_t>(kind) < 16; }

enum class FactType : std::uint8_t {
  copy = 1,
  message = 2,
  placed = 3,
  unplaced = 4,
  folder = 5,
  row = 6,
  quarantined = 7,
  audit = 8,
  erased = 9,
  note = 10,
  earlier = 11,
};

using RowDigest = std::array<std::uint8_t, 16>;
using RowKeyDigest = std::array<std::uint8_t, 8>;
RowDigest row_digest(std::uint8_t family, BytesView key, BytesView value);
RowKeyDigest row_key_digest(std::uint8_t family, BytesView key);

struct Fact;
// A row as it is now; nullopt: it went.
Fact row_fact(std::uint8_t family, BytesView key, const std::optional<Bytes>& row);

// One fact; which fields count depends on its type.
struct Fact {
  FactType type{};
  Serial serial{};
  CopyId copy;
  std::uint64_t bytes = 0;
  std::uint32_t defects = 0;
  Digest digest, content;
  ArchiveId archive{};
  std::uint32_t folder = 0;
  Bytes tag;
  Time received;
  bool unread = false;
  std::optional<Time> vanished_at;
  std::uint8_t family = 0;
  RowKeyDigest row_key{};
  std::optional<RowDigest> row;
  std::uint64_t number = 0;  // of a quarantined item; what was erased
  std::vector<std::uint64_t> leaves;  // without their content from now on; ascending
  Bytes text;                // path, JSON
  std::optional<Time> earlier;  // when the store says it was
  bool operator==(const Fact&) const = default;
};

struct Entry {
  EntryKind kind{};
  Time at;
  Serial serial{};
  CopyId copy;
  std::vector<Fact> facts;
  bool operator==(const Entry&) const = default;
};
Bytes encode(const Entry& entry);
std::optional<Entry> decode_entry(BytesView canonical);

inline constexpr std::size_t kSaltBytes = 16;
Digest commitment(BytesView salt, BytesView canonical);

// An entry as it lies in its row (families changes, events and audit):
//   u8 version = 2, u8 form, varint leaf index, then
//     form 0: 16 bytes salt, canonical bytes
//     form 1 (erased): u8 kind, varint serial (of a change; else 0), 32 bytes commitment
struct StoredEntry {
  std::uint64_t leaf = 0;
  bool erased = false;
  EntryKind kind{};
  Serial serial{};  // of an erased change
  Bytes salt, canonical;
  Digest committed;  // of both forms
};
Bytes encode(const StoredEntry& entry);
std::optional<StoredEntry> decode_stored_entry(BytesView row);
// The form without salt and content: the leaf stays, and tells that something happened to a message, not what it was about.
std::optional<StoredEntry> erased_form(const StoredEntry& entry);  // nullopt when the entry cannot be read

}  // namespace kopial
