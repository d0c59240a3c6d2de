// The families and keys of a tenant's store; drawn as a table in README.md.
//
// Numbers in keys are big endian, so that keys sort by number. A tag is the beginning of an HMAC-SHA256 under a key of the
// tenant's: it names something without showing it.
#pragma once

#include <span>

#include "storage/base/ids.h"
#include "storage/base/secret.h"
#include "storage/database.h"
#include "storage/recipe.h"
#include "storage/tenant_store.h"

namespace kopial {

enum Family : std::size_t {
  kMeta,               // "format", "key check", "state"
  kRecords,            // record_book.h
  kParts,              // part key -> stored blob, or the piece it is, or the head of its chunks: part_store.h
  kPartReferences,     // part key -> how many steps of recipes name it
  kCopies,             // copy id -> serial, size, defects, stored recipe or the piece it is
  kMessages,           // serial -> message; serial, sequence -> a further copy's id
  kIdentities,         // identity tag -> serial
  kPlacements,         // archive, folder, received (newest first), serial, place tag -> nothing
  kMessagePlacements,  // serial, archive, folder, place tag -> placement
  kSeen,               // mailbox tag, item tag -> what is known of a source's item
  kSeenItems,          // mailbox's folder tag, item tag -> item
  kCursors,            // cursor tag -> cursor
  kChanges,            // sequence -> change, as an entry of the evidence log
  kArchives,           // archive -> totals; archive, folder -> name and count; archive, name tag -> folder
  kQuarantine,         // 'q' number -> what and why; 'k' tag -> number
  kQuarantineBytes,    // number -> stored blob
  kDictionaries,       // number -> kind, content
  kPacks,              // number -> pieces that are compressed as one: pack_store.h
  kEvidence,           // tiles of the Merkle tree: evidence/log.h
  kEvents,             // leaf -> entry of what is neither change nor audit event
  kAudit,              // leaf -> entry of an audit event
  kFamilies
};
std::span<const FamilySpec> tenant_families();

enum class FolderNumber : std::uint32_t {};  // a folder within its archive; counts from 1

// The tenant's derived keys, and the tags made with them. Immutable.
class Names {
 public:
  explicit Names(const Secret& tenant_key);

  PartKey part(BytesView decoded) const;
  Bytes identity(const Digest& identity) const;
  Bytes folder(std::string_view path) const;
  // Tells apart two placements of one message in one folder: by the source's item and the bytes it had.
  Bytes place(std::string_view source_item, const CopyId& copy) const;
  Bytes seen_key(const SeenKey& key) const;
  Bytes seen_items_prefix(ProfileId profile, std::string_view mailbox, std::string_view folder) const;
  Bytes seen_item(std::string_view item) const;
  Bytes cursor_key(const CursorKey& key) const;
  Bytes quarantine(const Quarantined& item) const;
  Bytes erased_copy(const CopyId& copy) const;  // in the journal of erasures

 private:
  Bytes tag(std::string_view purpose, BytesView named, std::size_t bytes) const;
  const Secret part_key_, tag_key_;
};

// A row of kMessagePlacements, and through it its row of kPlacements.
struct PlaceKey {
  Serial serial{};
  ArchiveId archive{};
  FolderNumber folder{};
  Bytes tag;
  bool operator==(const PlaceKey&) const = default;
};
Bytes message_placement_key(const PlaceKey& place);
std::optional<PlaceKey> parse_message_placement_key(BytesView key);
Bytes placement_key(const PlaceKey& place, Time received);
std::optional<PlaceKey> parse_placement_key(BytesView key, Time& received);
Bytes folder_prefix(ArchiveId archive, FolderNumber folder);

Bytes serial_key(Serial serial);
Bytes sequence_key(Sequence sequence);
Bytes further_copy_key(Serial serial, Sequence added);
Bytes archive_key(ArchiveId archive);
Bytes folder_key(ArchiveId archive, FolderNumber folder);
Bytes folder_name_key(ArchiveId archive, BytesView name_tag);
Bytes quarantine_row_key(std::uint64_t number);
Bytes quarantine_tag_key(BytesView tag);

inline constexpr std::string_view kStateKey = "state";

}  // namespace kopial
