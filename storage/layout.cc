#include "storage/layout.h"

#include <array>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

// 128 keyed bits name things across the whole tenant; 64 are plenty among the placements of one message in one folder.
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kPlaceTagBytes = 8;
constexpr std::size_t kMailboxTagBytes = 8;

// Newest first: a later time gives a smaller key.
std::uint64_t descending(Time time) { return ~(static_cast<std::uint64_t>(to_milliseconds(time)) ^ 1ull << 63); }
Time ascending(std::uint64_t key) { return from_milliseconds(static_cast<std::int64_t>(~key ^ 1ull << 63)); }

}  // namespace

std::span<const FamilySpec> tenant_families() {
  static const std::array<FamilySpec, kFamilies> families{{
      {"default", FamilyKind::small},
      {"records", FamilyKind::small},
      {"parts", FamilyKind::blobs},
      {"part_references", FamilyKind::small},
      {"copies", FamilyKind::blobs},
      {"messages", FamilyKind::rows},
      {"identities", FamilyKind::small},
      {"placements", FamilyKind::small},
      {"message_placements", FamilyKind::rows},
      {"seen", FamilyKind::rows},
      {"seen_items", FamilyKind::rows},
      {"cursors", FamilyKind::rows},
      {"changes", FamilyKind::small},
      {"archives", FamilyKind::rows},
      {"quarantine", FamilyKind::rows},
      {"quarantine_bytes", FamilyKind::blobs},
      {"dictionaries", FamilyKind::small},
      {"packs", FamilyKind::blobs},
      {"evidence", FamilyKind::small},
      {"events", FamilyKind::small},
      {"audit", FamilyKind::rows},
  }};
  return families;
}

Names::Names(const Secret& tenant_key)
    : part_key_(derive_key(tenant_key, "kopial part names")), tag_key_(derive_key(tenant_key, "kopial tags")) {}

Bytes Names::tag(std::string_view purpose, BytesView named, std::size_t bytes) const {
  const Bytes input = Encoder().blob(purpose).raw(named).take();
  return Bytes(hmac_sha256(tag_key_.reveal(), input).view().substr(0, bytes));
}

PartKey Names::part(BytesView decoded) const { return hmac_sha256(part_key_.reveal(), decoded); }
Bytes Names::identity(const Digest& identity) const { return tag("identity", identity.view(), kTagBytes); }
Bytes Names::folder(std::string_view path) const { return tag("folder", path, kTagBytes); }

Bytes Names::place(std::string_view source_item, const CopyId& copy) const {
  return tag("place", Encoder().raw(copy.view()).raw(source_item).take(), kPlaceTagBytes);
}

// The mailbox comes first, so that a run over one mailbox stays in one place of the family.
Bytes Names::seen_key(const SeenKey& key) const {
  const Bytes mailbox = Encoder().fixed32(to_number(key.profile)).raw(key.mailbox).take();
  return tag("seen mailbox", mailbox, kMailboxTagBytes) +
         tag("seen", Encoder().blob(mailbox).raw(key.item).take(), kTagBytes);
}

Bytes Names::seen_items_prefix(ProfileId profile, std::string_view mailbox, std::string_view folder) const {
  return tag("seen folder", Encoder().fixed32(to_number(profile)).blob(mailbox).raw(folder).take(), kTagBytes);
}

Bytes Names::seen_item(std::string_view item) const { return tag("seen item", item, kTagBytes); }

Bytes Names::cursor_key(const CursorKey& key) const {
  return tag("cursor", Encoder().fixed32(to_number(key.profile)).blob(key.mailbox).raw(key.folder).take(), kTagBytes);
}

Bytes Names::quarantine(const Quarantined& item) const {
  Encoder named;
  named.fixed32(to_number(item.profile)).fixed32(to_number(item.archive)).blob(item.mailbox).blob(item.item).blob(item.folder);
  return tag("quarantine", named.raw(sha256(item.bytes).view()).take(), kTagBytes);
}

Bytes Names::erased_copy(const CopyId& copy) const { return tag("erased copy", copy.view(), kTagBytes); }

Bytes message_placement_key(const PlaceKey& place) {
  return Encoder()
      .fixed64(to_number(place.serial))
      .fixed32(to_number(place.archive))
      .fixed32(to_number(place.folder))
      .raw(place.tag)
      .take();
}

std::optional<PlaceKey> parse_message_placement_key(BytesView key) {
  Decoder in(key);
  PlaceKey place;
  place.serial = Serial{in.fixed64()};
  place.archive = ArchiveId{in.fixed32()};
  place.folder = FolderNumber{in.fixed32()};
  place.tag = in.raw(kPlaceTagBytes);
  if (!in.done()) return std::nullopt;
  return place;
}

Bytes placement_key(const PlaceKey& place, Time received) {
  return Encoder()
      .fixed32(to_number(place.archive))
      .fixed32(to_number(place.folder))
      .fixed64(descending(received))
      .fixed64(to_number(place.serial))
      .raw(place.tag)
      .take();
}

std::optional<PlaceKey> parse_placement_key(BytesView key, Time& received) {
  Decoder in(key);
  PlaceKey place;
  place.archive = ArchiveId{in.fixed32()};
  place.folder = FolderNumber{in.fixed32()};
  received = ascending(in.fixed64());
  place.serial = Serial{in.fixed64()};
  place.tag = in.raw(kPlaceTagBytes);
  if (!in.done()) return std::nullopt;
  return place;
}

Bytes folder_prefix(ArchiveId archive, FolderNumber folder) { return folder_key(archive, folder); }

Bytes serial_key(Serial serial) { return Encoder().fixed64(to_number(serial)).take(); }
Bytes sequence_key(Sequence sequence) { return Encoder().fixed64(to_number(sequence)).take(); }
Bytes further_copy_key(Serial serial, Sequence added) {
  return Encoder().fixed64(to_number(serial)).fixed64(to_number(added)).take();
}
Bytes archive_key(ArchiveId archive) { return Encoder().fixed32(to_number(archive)).take(); }
Bytes folder_key(ArchiveId archive, FolderNumber folder) {
  return Encoder().fixed32(to_number(archive)).fixed32(to_number(folder)).take();
}
Bytes folder_name_key(ArchiveId archive, BytesView name_tag) {
  return Encoder().fixed32(to_number(archive)).raw(name_tag).take();
}
Bytes quarantine_row_key(std::uint64_t number) { return Encoder().u8('q').fixed64(number).take(); }
Bytes quarantine_tag_key(BytesView tag) { return Encoder().u8('k').raw(tag).take(); }

}  // namespace kopial
