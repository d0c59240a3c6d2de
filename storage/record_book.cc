#include "storage/record_book.h"

#include <fmt/format.h>

#include <map>

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

  rocksdb::WriteBatch batch;
  auto* const family = database_.family(family_);
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
        batch.Delete(family, slice(key));
        batch.Delete(family, order_key(write.kind, before->created));
      }
      written[key] = std::nullopt;
      continue;
    }
    Stored after;
    after.created = before ? before->created : ++*created;
    after.record = {std::move(write.id), before ? before->record.revision + 1 : 1, std::move(*write.json)};
    const Bytes plain = Encoder()
                            .u8(kVersion)
                            .varint(after.created)
                            .varint(after.record.revision)
                            .blob(after.record.id)
                            .blob(after.record.json)
                            .take();
    batch.Put(family, slice(key), seal(seal_key_, key, plain));
    if (!before) batch.Put(family, order_key(write.kind, after.created), id_hash);
    written[key] = std::move(after);
  }
  if (*created != created_before) {
    batch.Put(family, counter_key, Encoder().u8(kVersion).fixed64(*created).take());
  }
  if (batch.Count() == 0) return {};
  return database_.write(batch);
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
