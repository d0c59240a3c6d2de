#include "storage/record_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/crypto/seal.h"

namespace kopial {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHashBytes = 16;  // 128 keyed bits: nobody without the key can aim for a collision.
constexpr std::size_t kIdBytesMax = 512;
constexpr std::string_view kCreatedCounter = "\x01" "created";

}  // namespace

std::span<const std::string_view> proven_record_kinds() {
  static constexpr std::array<std::string_view, 11> kinds{"access_policy", "archive", "directory", "erasure",     "grant",    "group",
                                                          "mailbox_person", "person",  "person_link", "profile", "user"};
  return kinds;
}

RecordBook::RecordBook(Database& database, std::size_t family, const Secret& store_key)
    : database_(database),
      family_(family),
      seal_key_(derive_key(store_key, "kopial records seal")),
      hash_key_(derive_key(store_key, "kopial records hash")) {}

Bytes RecordBook::hash(char purpose, std::string_view name) const {
  Bytes named(1, purpose);
  named += name;
  return Bytes(hmac_sha256(hash_key_.reveal(), named).view().substr(0, kHashBytes));
}

Bytes RecordBook::key_of(std::string_view kind, BytesView id_hash) const {
  return Encoder().u8('r').raw(hash('k', kind)).raw(id_hash).take();
}

Bytes RecordBook::order_key(std::string_view kind, std::uint64_t created) const {
  return Encoder().u8('o').raw(hash('k', kind)).fixed64(created).take();
}

Bytes RecordBook::encode(const Stored& stored) {
  return Encoder().u8(kVersion).varint(stored.created).varint(stored.record.revision).blob(stored.record.id).blob(stored.record.json).take();
}

Result<std::optional<RecordBook::Stored>> RecordBook::read(const Bytes& key) const {
  auto sealed = database_.get(family_, key);
  if (!sealed) return sealed.error();
  if (!*sealed) return std::optional<Stored>();
  auto plain = unseal(seal_key_, key, **sealed);
  if (!plain) return plain.error().with_context("a record");
  Decoder in(*plain);
  if (in.u8() != kVersion) return Error{ErrorCode::invalid, "a record has a newer format"};
  Stored stored;
  stored.created = in.varint();
  stored.record.revision = in.varint();
  stored.record.id = in.blob();
  stored.record.json = in.blob();
  if (!in.done()) return Error{ErrorCode::corrupt, "a record cannot be read"};
  return std::optional<Stored>(std::move(stored));
}

Result<std::uint64_t> RecordBook::read_counter(const Bytes& key) const {
  auto value = database_.get(family_, key);
  if (!value) return value.error();
  if (!*value) return std::uint64_t{0};
  Decoder in(**value);
  const auto version = in.u8();
  const auto number = in.fixed64();
  if (version != kVersion || !in.done()) return Error{ErrorCode::corrupt, "a counter cannot be read"};
  return number;
}

Result<void> RecordBook::write(std::vector<RecordWrite> writes) {
  const std::lock_guard lock(writing_);
  const Bytes counter_key = Encoder().u8('n').raw(hash('n', kCreatedCounter)).take();
  auto created = read_counter(counter_key);
  if (!created) return created.error();
  const std::uint64_t created_before = *created;

  std::vector<Row> rows;
  std::vector<Fact> facts;
  const auto say = [&](const RecordWrite& write, const Bytes& key, const std::optional<Bytes>& plain) {
    const auto kinds = proven_record_kinds();
    if (std::find(kinds.begin(), kinds.end(), write.kind) == kinds.end()) return;
    facts.push_back(row_fact(static_cast<std::uint8_t>(family_), key, plain));
  };
  std::map<Bytes, std::optional<Stored>> written;  // A later write of the same call sees the earlier one.
  for (auto& write : writes) {
    if (write.id.empty() || write.id.size() > kIdBytesMax) {
      return Error{ErrorCode::invalid, fmt::format("a record's id must have 1 to {} bytes", kIdBytesMax)};
    }
    const Bytes id_hash = hash('i', write.id);
    const Bytes key = key_of(write.kind, id_hash);
    std::optional<Stored> before;
    if (const auto earlier = written.find(key); earlier != written.end()) {
      before = earlier->second;
    } else {
      auto stored = read(key);
      if (!stored) return stored.error();
      before = *std::move(stored);
    }
    if (write.if_revision && *write.if_revision != (before ? before->record.revision : 0)) {
      return Error{ErrorCode::conflict, *write.if_revision == 0 ? "it exists already" : "it was changed meanwhile"};
    }
    if (!write.json) {
      if (before) {
        rows.push_back({key, std::nullopt});
        rows.push_back({order_key(write.kind, before->created), std::nullopt});
        say(write, key, std::nullopt);
      }
      written[key] = std::nullopt;
      continue;
    }
    Stored after;
    after.created = before ? before->created : ++*created;
    after.record = {std::move(write.id), before ? before->record.revision + 1 : 1, std::move(*write.json)};
    const Bytes plain = encode(after);
    rows.push_back({key, seal(seal_key_, key, plain)});
    if (!before) rows.push_back({order_key(write.kind, after.created), id_hash});
    say(write, key, plain);
    written[key] = std::move(after);
  }
  if (*created != created_before) {
    rows.push_back({counter_key, Encoder().u8(kVersion).fixed64(*created).take()});
  }
  if (rows.empty()) return {};
  return write_rows(std::move(rows), std::move(facts));
}

Result<void> RecordBook::write_rows(std::vector<Row> rows, std::vector<Fact> facts) {
  if (!facts.empty() && proven_write_) return proven_write_(std::move(rows), std::move(facts));
  rocksdb::WriteBatch batch;
  auto* const family = database_.family(family_);
  for (const auto& row : rows) {
    if (row.value) batch.Put(family, slice(row.key), slice(*row.value));
    else batch.Delete(family, slice(row.key));
  }
  return database_.write(batch);
}

Result<void> RecordBook::take_all(const std::function<Result<void>(std::vector<Fact> facts, std::uint64_t amiss)>& take) {
  const std::lock_guard lock(writing_);
  std::vector<Fact> facts;
  std::uint64_t amiss = 0;
  for (const auto kind : proven_record_kinds()) {
    const Bytes prefix = Encoder().u8('r').raw(hash('k', kind)).take();
    std::set<Bytes> listed;
    auto rows = database_.range(family_, prefix, after_prefix(prefix));
    for (; rows.valid(); rows.next()) {
      auto stored = read(Bytes(rows.key()));
      if (!stored || !*stored) {
        if (!stored && stored.error().code == ErrorCode::unavailable) return stored.error();
        ++amiss;
        continue;
      }
      facts.push_back(row_fact(static_cast<std::uint8_t>(family_), rows.key(), encode(**stored)));
      const Bytes place = order_key(kind, (*stored)->created);
      auto at_place = database_.get(family_, place);
      if (!at_place) return at_place.error();
      if (!*at_place || key_of(kind, **at_place) != rows.key() || !listed.insert(place).second) ++amiss;
    }
    if (auto status = rows.status(); !status) return status;
    const Bytes order_prefix = Encoder().u8('o').raw(hash('k', kind)).take();
    auto order = database_.range(family_, order_prefix, after_prefix(order_prefix));
    for (; order.valid(); order.next()) amiss += listed.contains(Bytes(order.key())) ? 0 : 1;
    if (auto status = order.status(); !status) return status;
  }
  return take(std::move(facts), amiss);
}

Result<std::optional<Record>> RecordBook::get(std::string_view kind, std::string_view id) const {
  auto stored = read(key_of(kind, hash('i', id)));
  if (!stored) return stored.error();
  if (!*stored) return std::optional<Record>();
  return std::optional<Record>(std::move((*stored)->record));
}

Result<std::vector<Record>> RecordBook::list(std::string_view kind, std::string_view after, std::size_t limit) const {
  std::uint64_t from = 0;
  if (!after.empty()) {
    auto stored = read(key_of(kind, hash('i', after)));
    if (!stored) return stored.error();
    if (!*stored) return Error{ErrorCode::not_found, "the record the listing should go on after is gone"};
    from = (*stored)->created + 1;
  }
  std::vector<Record> records;
  const Bytes prefix = Encoder().u8('o').raw(hash('k', kind)).take();
  auto rows = database_.range(family_, order_key(kind, from), after_prefix(prefix));
  for (; rows.valid() && records.size() < limit; rows.next()) {
    auto stored = read(key_of(kind, rows.value()));
    if (!stored) return stored.error();
    if (*stored) records.push_back(std::move((*stored)->record));  // Absent: removed since the range was begun.
  }
  if (auto status = rows.status(); !status) return status.error();
  return records;
}

Result<std::vector<RecordBook::Whole>> RecordBook::first(std::string_view kind, std::size_t limit) const {
  std::vector<Whole> records;
  const Bytes prefix = Encoder().u8('o').raw(hash('k', kind)).take();
  auto rows = database_.range(family_, prefix, after_prefix(prefix));
  for (; rows.valid() && records.size() < limit; rows.next()) {
    Bytes key = key_of(kind, rows.value());
    auto stored = read(key);
    if (!stored && stored.error().code == ErrorCode::unavailable) return stored.error();
    if (!stored || !*stored) continue;
    records.push_back({std::move((*stored)->record.json), {std::move(key), Bytes(rows.key())}});
  }
  if (auto status = rows.status(); !status) return status.error();
  return records;
}

Result<std::uint64_t> RecordBook::next_number(std::string_view counter) {
  const std::lock_guard lock(writing_);
  const Bytes key = Encoder().u8('n').raw(hash('n', counter)).take();
  auto number = read_counter(key);
  if (!number) return number.error();
  ++*number;
  rocksdb::WriteBatch batch;
  batch.Put(database_.family(family_), key, Encoder().u8(kVersion).fixed64(*number).take());
  if (auto done = database_.write(batch); !done) return done.error();
  return *number;
}

}  // namespace kopial
