#include "storage/values.h"

#include "storage/base/encoding.h"
#include "storage/evidence/beginning.h"

namespace kopial {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kVanished = 1, kErased = 2;  // what a seen row says of its item
constexpr std::uint8_t kPackedVersion = 2;
constexpr std::uint8_t kStateVersion = 2;
constexpr std::uint8_t kMessageVersion = 2;

std::uint64_t zigzag(Time time) {
  const auto ms = to_milliseconds(time);
  return static_cast<std::uint64_t>(ms) << 1 ^ static_cast<std::uint64_t>(ms >> 63);
}
Time unzigzag(std::uint64_t value) {
  return from_milliseconds(static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1));
}

void put_time(Encoder& out, const std::optional<Time>& time) {
  out.u8(time ? 1 : 0);
  if (time) out.varint(zigzag(*time));
}
std::optional<Time> take_time(Decoder& in) {
  if (in.u8() == 0) return std::nullopt;
  return unzigzag(in.varint());
}

Digest take_digest(Decoder& in) { return Digest::from_bytes(in.raw(32)).value_or(Digest{}); }

void put_addresses(Encoder& out, const std::vector<MailAddress>& addresses) {
  out.varint(addresses.size());
  for (const auto& address : addresses) out.blob(address.name).blob(address.address);
}
void put_texts(Encoder& out, const std::vector<std::string>& texts) {
  out.varint(texts.size());
  for (const auto& text : texts) out.blob(text);
}
// A count can be no more than the bytes that follow: hostile or broken values must not make us reserve.
std::uint64_t take_count(Decoder& in) {
  const auto count = in.varint();
  return count <= in.rest().size() ? count : 0;
}
std::vector<MailAddress> take_addresses(Decoder& in) {
  std::vector<MailAddress> addresses(take_count(in));
  for (auto& address : addresses) {
    address.name = in.blob();
    address.address = in.blob();
  }
  return addresses;
}
std::vector<std::string> take_texts(Decoder& in) {
  std::vector<std::string> texts(take_count(in));
  for (auto& text : texts) text = in.blob();
  return texts;
}

void put_summary(Encoder& out, const Summary& summary) {
  out.blob(summary.message_id);
  put_time(out, summary.date);
  for (const auto* list : {&summary.from, &summary.sender, &summary.reply_to, &summary.to, &summary.cc, &summary.bcc}) {
    put_addresses(out, *list);
  }
  out.blob(summary.subject).blob(summary.in_reply_to);
  put_texts(out, summary.references);
  out.varint(summary.attachments).varint(summary.defects);
}
Summary take_summary(Decoder& in) {
  Summary summary;
  summary.message_id = in.blob();
  summary.date = take_time(in);
  for (auto* list : {&summary.from, &summary.sender, &summary.reply_to, &summary.to, &summary.cc, &summary.bcc}) {
    *list = take_addresses(in);
  }
  summary.subject = in.blob();
  summary.in_reply_to = in.blob();
  summary.references = take_texts(in);
  summary.attachments = static_cast<std::uint32_t>(in.varint());
  summary.defects = static_cast<std::uint32_t>(in.varint());
  return summary;
}

template <typename Value>
std::optional<Value> checked(const Decoder& in, Value value) {
  if (!in.done()) return std::nullopt;
  return value;
}

}  // namespace

Bytes encode(const State& state) {
  return Encoder()
      .u8(kStateVersion)
      .varint(state.last_serial)
      .varint(state.last_sequence)
      .varint(state.last_quarantine)
      .varint(state.messages)
      .varint(state.copies)
      .varint(state.placements)
      .varint(state.raw_bytes)
      .varint(state.leaves)
      .raw(state.root.view())
      .u8(state.beginning)
      .raw(state.beginning_at)
      .take();
}

bool is_newer_state(BytesView value) { return !value.empty() && static_cast<std::uint8_t>(value[0]) > kStateVersion; }

bool State::is_before_records() const { return beginning == kBeginningAudit && beginning_at.empty(); }

Sequence State::last_taken() const {
  if (beginning == kBeginningNone || beginning > kBeginningChanges) return Sequence{last_sequence};
  return Sequence{beginning == kBeginningChanges && !beginning_at.empty() ? Decoder(beginning_at).fixed64() : 0};
}

std::optional<State> decode_state(BytesView value) {
  Decoder in(value);
  const auto version = in.u8();
  if (version != kVersion && version != kStateVersion) return std::nullopt;
  State state;
  for (auto* field : {&state.last_serial, &state.last_sequence, &state.last_quarantine, &state.messages, &state.copies,
                      &state.placements, &state.raw_bytes}) {
    *field = in.varint();
  }
  if (version == kVersion) {
    state.beginning = kBeginningAudit;
    return checked(in, std::move(state));
  }
  state.leaves = in.varint();
  state.root = take_digest(in);
  state.beginning = in.u8();
  state.beginning_at = in.rest();
  const bool sound = in.ok() && state.beginning <= kBeginningLast &&
                     (state.beginning != kBeginningChanges || state.beginning_at.empty() || state.beginning_at.size() == sizeof(std::uint64_t));
  if (!sound) return std::nullopt;
  return state;
}

// Version 1 ends with the recipe, version 2 with the name of its piece: varint pack, varint place.
Bytes encode(const CopyValue& copy) {
  const bool packed = copy.packed.pack != 0;
  Encoder out;
  out.u8(packed ? kPackedVersion : kVersion).varint(to_number(copy.serial)).varint(copy.raw_bytes).varint(copy.defects);
  if (packed) return out.varint(copy.packed.pack).varint(copy.packed.place).take();
  return out.raw(copy.recipe).take();
}

std::optional<CopyValue> decode_copy(BytesView value) {
  Decoder in(value);
  const auto version = in.u8();
  if (version != kVersion && version != kPackedVersion) return std::nullopt;
  CopyValue copy;
  copy.serial = Serial{in.varint()};
  copy.raw_bytes = in.varint();
  copy.defects = static_cast<std::uint32_t>(in.varint());
  if (version == kPackedVersion) {
    copy.packed.pack = in.varint();
    copy.packed.place = in.varint();
    if (!in.done() || copy.packed.pack == 0) return std::nullopt;
    return copy;
  }
  copy.recipe = in.rest();
  if (!in.ok()) return std::nullopt;
  return copy;
}

Bytes encode(const MessageValue& message) {
  Encoder out;
  out.u8(kMessageVersion).raw(message.identity.view()).raw(message.first_copy.view()).varint(message.bytes);
  out.varint(zigzag(message.archived_at)).u8(message.more_copies ? 1 : 0);
  put_summary(out, message.summary);
  return out.varint(to_number(message.added)).take();
}

std::optional<MessageValue> decode_message(BytesView value) {
  Decoder in(value);
  const auto version = in.u8();
  if (version != kVersion && version != kMessageVersion) return std::nullopt;
  MessageValue message;
  message.identity = take_digest(in);
  message.first_copy = take_digest(in);
  message.bytes = in.varint();
  message.archived_at = unzigzag(in.varint());
  message.more_copies = in.u8() != 0;
  message.summary = take_summary(in);
  if (version == kMessageVersion) message.added = Sequence{in.varint()};
  return checked(in, std::move(message));
}

Bytes encode(const PlacementValue& placement) {
  Encoder out;
  out.u8(kVersion).raw(placement.copy.view()).varint(placement.bytes).varint(zigzag(placement.received));
  out.u8(placement.unread ? 1 : 0);
  put_time(out, placement.vanished_at);
  return out.blob(placement.source_item).take();
}

std::optional<PlacementValue> decode_placement(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion) return std::nullopt;
  PlacementValue placement;
  placement.copy = take_digest(in);
  placement.bytes = in.varint();
  placement.received = unzigzag(in.varint());
  placement.unread = in.u8() != 0;
  placement.vanished_at = take_time(in);
  placement.source_item = in.blob();
  return checked(in, std::move(placement));
}

Fact placed_fact(const PlaceKey& place, const PlacementValue& value) {
  return {.type = FactType::placed,
          .serial = place.serial,
          .copy = value.copy,
          .archive = place.archive,
          .folder = static_cast<std::uint32_t>(place.folder),
          .tag = place.tag,
          .received = value.received,
          .unread = value.unread,
          .vanished_at = value.vanished_at};
}

Bytes encode(const SeenRow& seen) {
  return Encoder()
      .u8(kVersion)
      .raw(seen.copy.view())
      .varint(to_number(seen.serial))
      .varint(to_number(seen.archive))
      .varint(to_number(seen.folder))
      .blob(seen.place_tag)
      .u8(static_cast<std::uint8_t>((seen.vanished ? kVanished : 0) | (seen.erased ? kErased : 0)))
      .blob(seen.change_key)
      .take();
}

std::optional<SeenRow> decode_seen(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion) return std::nullopt;
  SeenRow seen;
  seen.copy = take_digest(in);
  seen.serial = Serial{in.varint()};
  seen.archive = ArchiveId{static_cast<std::uint32_t>(in.varint())};
  seen.folder = FolderNumber{static_cast<std::uint32_t>(in.varint())};
  seen.place_tag = in.blob();
  const auto marks = in.u8();
  if (marks > (kVanished | kErased)) return std::nullopt;
  seen.vanished = (marks & kVanished) != 0;
  seen.erased = (marks & kErased) != 0;
  seen.change_key = in.blob();
  return checked(in, std::move(seen));
}

std::optional<Change> decode_change(Sequence sequence, BytesView value) {
  if (!value.empty() && static_cast<std::uint8_t>(value[0]) == kVersion) {
    Decoder in(value.substr(1));
    const auto kind = in.u8();
    const Serial serial{in.varint()};
    const CopyId copy = take_digest(in);
    if (!in.done() || kind < 1 || kind > 4) return std::nullopt;
    return Change{sequence, static_cast<ChangeKind>(kind), serial, copy};
  }
  const auto stored = decode_stored_entry(value);
  if (!stored || !is_change(stored->kind)) return std::nullopt;
  if (stored->erased) return Change{sequence, static_cast<ChangeKind>(stored->kind), stored->serial, CopyId{}};
  const auto entry = decode_entry(stored->canonical);
  if (!entry) return std::nullopt;
  return Change{sequence, static_cast<ChangeKind>(entry->kind), entry->serial, entry->copy};
}

Bytes encode(const ArchiveValue& archive) {
  Encoder out;
  out.u8(kVersion).varint(archive.messages).varint(archive.bytes).varint(archive.last_folder);
  put_time(out, archive.last_archived_at);
  return out.take();
}

std::optional<ArchiveValue> decode_archive(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion) return std::nullopt;
  ArchiveValue archive;
  archive.messages = in.varint();
  archive.bytes = in.varint();
  archive.last_folder = in.varint();
  archive.last_archived_at = take_time(in);
  return checked(in, archive);
}

Bytes encode(const FolderValue& folder) { return Encoder().u8(kVersion).varint(folder.messages).blob(folder.path).take(); }

std::optional<FolderValue> decode_folder(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion) return std::nullopt;
  FolderValue folder;
  folder.messages = in.varint();
  folder.path = in.blob();
  return checked(in, std::move(folder));
}

Bytes encode(const QuarantineValue& quarantine) {
  const auto& item = quarantine.item;
  return Encoder()
      .u8(kVersion)
      .varint(zigzag(quarantine.at))
      .varint(quarantine.bytes)
      .varint(to_number(item.profile))
      .varint(to_number(item.archive))
      .blob(item.mailbox)
      .blob(item.item)
      .blob(item.folder)
      .blob(item.reason)
      .take();
}

std::optional<QuarantineValue> decode_quarantine(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion) return std::nullopt;
  QuarantineValue quarantine;
  quarantine.at = unzigzag(in.varint());
  quarantine.bytes = in.varint();
  auto& item = quarantine.item;
  item.profile = ProfileId{static_cast<std::uint32_t>(in.varint())};
  item.archive = ArchiveId{static_cast<std::uint32_t>(in.varint())};
  item.mailbox = in.blob();
  item.item = in.blob();
  item.folder = in.blob();
  item.reason = in.blob();
  return checked(in, std::move(quarantine));
}

Bytes encode_number(std::uint64_t number) { return Encoder().u8(kVersion).varint(number).take(); }

std::optional<std::uint64_t> decode_number(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion) return std::nullopt;
  const auto number = in.varint();
  return checked(in, number);
}

Bytes encode_text(BytesView text) { return Encoder().u8(kVersion).raw(text).take(); }

std::optional<Bytes> decode_text(BytesView value) {
  if (value.empty() || static_cast<std::uint8_t>(value[0]) != kVersion) return std::nullopt;
  return Bytes(value.substr(1));
}

}  // namespace kopial
