#include "storage/evidence/entry.h"

#include <algorithm>
#include <cstring>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::uint8_t kCanonicalVersion = 1;
constexpr std::uint8_t kRowVersion = 2;
constexpr std::size_t kPlaceTagBytes = 8;
constexpr std::string_view kCommitmentPrefix{"kopial leaf 1\0", 14};

constexpr std::uint8_t kUnread = 1, kVanished = 2, kOtherMessage = 4, kOtherCopy = 8;
constexpr std::uint8_t kIsThere = 1;

std::uint64_t zigzag(Time time) {
  const auto ms = to_milliseconds(time);
  return static_cast<std::uint64_t>(ms) << 1 ^ static_cast<std::uint64_t>(ms >> 63);
}
Time unzigzag(std::uint64_t value) {
  return from_milliseconds(static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1));
}
Digest take_digest(Decoder& in) { return Digest::from_bytes(in.raw(32)).value_or(Digest{}); }
template <std::size_t Size>
std::string_view view(const std::array<std::uint8_t, Size>& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }
template <std::size_t Size>
std::array<std::uint8_t, Size> take_array(Decoder& in) {
  std::array<std::uint8_t, Size> digest{};
  const auto raw = in.raw(digest.size());
  if (raw.size() == digest.size()) std::memcpy(digest.data(), raw.data(), raw.size());
  return digest;
}
std::uint32_t take_number32(Decoder& in) { return static_cast<std::uint32_t>(in.varint()); }

void put(Encoder& out, const Entry& entry, const Fact& fact) {
  out.u8(static_cast<std::uint8_t>(fact.type));
  switch (fact.type) {
    case FactType::copy: out.varint(fact.bytes).varint(fact.defects); break;
    case FactType::message: out.raw(fact.digest.view()); break;
    case FactType::placed: {
      const bool other_message = fact.serial != entry.serial, other_copy = fact.copy != entry.copy;
      out.u8(static_cast<std::uint8_t>((fact.unread ? kUnread : 0) | (fact.vanished_at ? kVanished : 0) |
                                       (other_message ? kOtherMessage : 0) | (other_copy ? kOtherCopy : 0)));
      if (other_message) out.varint(to_number(fact.serial));
      if (other_copy) out.raw(fact.copy.view());
      out.varint(to_number(fact.archive)).varint(fact.folder).raw(fact.tag).varint(zigzag(fact.received));
      if (fact.vanished_at) out.varint(zigzag(*fact.vanished_at));
      break;
    }
    case FactType::unplaced:
      out.varint(to_number(fact.serial)).varint(to_number(fact.archive)).varint(fact.folder).raw(fact.tag);
      break;
    case FactType::folder: out.varint(to_number(fact.archive)).varint(fact.folder).blob(fact.text); break;
    case FactType::row:
      out.u8(fact.family).raw(view(fact.row_key)).u8(fact.row ? kIsThere : 0);
      if (fact.row) out.raw(view(*fact.row));
      break;
    case FactType::quarantined: out.varint(fact.number).raw(fact.digest.view()).raw(fact.content.view()); break;
    case FactType::audit:
    case FactType::note: out.blob(fact.text); break;
    case FactType::earlier:
      out.u8(fact.earlier ? 1 : 0);
      if (fact.earlier) out.varint(zigzag(*fact.earlier));
      break;
    case FactType::erased:
      out.u8(static_cast<std::uint8_t>(fact.number)).varint(to_number(fact.serial)).varint(fact.leaves.size());
      for (std::size_t i = 0; i < fact.leaves.size(); ++i) out.varint(fact.leaves[i] - (i > 0 ? fact.leaves[i - 1] : 0));
      break;
  }
}

bool take(Decoder& in, const Entry& entry, Fact& fact) {
  fact.type = static_cast<FactType>(in.u8());
  switch (fact.type) {
    case FactType::copy:
      fact.serial = entry.serial;
      fact.copy = entry.copy;
      fact.bytes = in.varint();
      fact.defects = take_number32(in);
      return true;
    case FactType::message:
      fact.serial = entry.serial;
      fact.digest = take_digest(in);
      return true;
    case FactType::placed: {
      const auto flags = in.u8();
      if ((flags & ~(kUnread | kVanished | kOtherMessage | kOtherCopy)) != 0) return false;
      fact.unread = (flags & kUnread) != 0;
      fact.serial = (flags & kOtherMessage) != 0 ? Serial{in.varint()} : entry.serial;
      fact.copy = (flags & kOtherCopy) != 0 ? take_digest(in) : entry.copy;
      fact.archive = ArchiveId{take_number32(in)};
      fact.folder = take_number32(in);
      fact.tag = in.raw(kPlaceTagBytes);
      fact.received = unzigzag(in.varint());
      if ((flags & kVanished) != 0) fact.vanished_at = unzigzag(in.varint());
      return true;
    }
    case FactType::unplaced:
      fact.serial = Serial{in.varint()};
      fact.archive = ArchiveId{take_number32(in)};
      fact.folder = take_number32(in);
      fact.tag = in.raw(kPlaceTagBytes);
      return true;
    case FactType::folder:
      fact.archive = ArchiveId{take_number32(in)};
      fact.folder = take_number32(in);
      fact.text = in.blob();
      return true;
    case FactType::row: {
      fact.family = in.u8();
      fact.row_key = take_array<std::tuple_size_v<RowKeyDigest>>(in);
      const auto flags = in.u8();
      if (flags > kIsThere) return false;
      if (flags == kIsThere) fact.row = take_array<std::tuple_size_v<RowDigest>>(in);
      return true;
    }
    case FactType::quarantined:
      fact.number = in.varint();
      fact.digest = take_digest(in);
      fact.content = take_digest(in);
      return true;
    case FactType::audit:
    case FactType::note: fact.text = in.blob(); return true;
    case FactType::earlier: {
      const auto flags = in.u8();
      if (flags > 1) return false;
      if (flags == 1) fact.earlier = unzigzag(in.varint());
      return true;
    }
    case FactType::erased: {
      fact.number = in.u8();
      if (fact.number != 1 && fact.number != 2) return false;
      fact.serial = Serial{in.varint()};
      const auto count = in.varint();
      if (count > in.rest().size()) return false;  // Each takes a byte at least.
      fact.leaves.resize(count);
      for (std::size_t i = 0; i < count; ++i) fact.leaves[i] = in.varint() + (i > 0 ? fact.leaves[i - 1] : 0);
      return true;
    }
  }
  return false;
}

bool is_kind(std::uint8_t kind) { return (kind >= 1 && kind <= 4) || (kind >= 16 && kind <= 21); }

}  // namespace

RowDigest row_digest(std::uint8_t family, BytesView key, BytesView value) {
  const Digest whole = sha256(Encoder().u8(family).blob(key).raw(value).take());
  RowDigest digest;
  std::copy_n(whole.bytes.begin(), digest.size(), digest.begin());
  return digest;
}

RowKeyDigest row_key_digest(std::uint8_t family, BytesView key) {
  const Digest whole = sha256(Encoder().u8(family).raw(key).take());
  RowKeyDigest digest;
  std::copy_n(whole.bytes.begin(), digest.size(), digest.begin());
  return digest;
}

Fact row_fact(std::uint8_t family, BytesView key, const std::optional<Bytes>& row) {
  Fact fact;
  fact.type = FactType::row;
  fact.family = family;
  fact.row_key = row_key_digest(family, key);
  if (row) fact.row = row_digest(family, key, *row);
  return fact;
}

Bytes encode(const Entry& entry) {
  Encoder out;
  out.u8(kCanonicalVersion).u8(static_cast<std::uint8_t>(entry.kind)).varint(zigzag(entry.at));
  if (is_change(entry.kind)) out.varint(to_number(entry.serial)).raw(entry.copy.view());
  for (const auto& fact : entry.facts) put(out, entry, fact);
  return out.take();
}

std::optional<Entry> decode_entry(BytesView canonical) {
  Decoder in(canonical);
  if (in.u8() != kCanonicalVersion) return std::nullopt;
  Entry entry;
  const auto kind = in.u8();
  if (!is_kind(kind)) return std::nullopt;
  entry.kind = static_cast<EntryKind>(kind);
  entry.at = unzigzag(in.varint());
  if (is_change(entry.kind)) {
    entry.serial = Serial{in.varint()};
    entry.copy = take_digest(in);
  }
  while (in.ok() && !in.rest().empty()) {
    if (!take(in, entry, entry.facts.emplace_back())) return std::nullopt;
  }
  if (!in.done()) return std::nullopt;
  return entry;
}

Digest commitment(BytesView salt, BytesView canonical) {
  Bytes input;
  input.reserve(kCommitmentPrefix.size() + salt.size() + canonical.size());
  input += kCommitmentPrefix;
  input += salt;
  input += canonical;
  return sha256(input);
}

Bytes encode(const StoredEntry& entry) {
  Encoder out;
  out.u8(kRowVersion).u8(entry.erased ? 1 : 0).varint(entry.leaf);
  if (entry.erased) return out.u8(static_cast<std::uint8_t>(entry.kind)).varint(to_number(entry.serial)).raw(entry.committed.view()).take();
  return out.raw(entry.salt).raw(entry.canonical).take();
}

std::optional<StoredEntry> decode_stored_entry(BytesView row) {
  Decoder in(row);
  if (in.u8() != kRowVersion) return std::nullopt;
  const auto form = in.u8();
  if (form > 1) return std::nullopt;
  StoredEntry entry;
  entry.leaf = in.varint();
  entry.erased = form == 1;
  if (entry.erased) {
    const auto kind = in.u8();
    entry.serial = Serial{in.varint()};
    entry.committed = take_digest(in);
    if (!in.done() || !is_kind(kind)) return std::nullopt;
    entry.kind = static_cast<EntryKind>(kind);
    return entry;
  }
  entry.salt = in.raw(kSaltBytes);
  entry.canonical = in.rest();
  if (!in.ok() || entry.canonical.size() < 2 || !is_kind(static_cast<std::uint8_t>(entry.canonical[1]))) return std::nullopt;
  entry.kind = static_cast<EntryKind>(entry.canonical[1]);
  entry.committed = commitment(entry.salt, entry.canonical);
  return entry;
}

std::optional<StoredEntry> erased_form(const StoredEntry& entry) {
  if (entry.erased) return entry;
  const auto said = decode_entry(entry.canonical);
  if (!said) return std::nullopt;
  StoredEntry erased;
  erased.serial = said->serial;
  erased.leaf = entry.leaf;
  erased.erased = true;
  erased.kind = entry.kind;
  erased.committed = entry.committed;
  return erased;
}

}  // namespace kopial
