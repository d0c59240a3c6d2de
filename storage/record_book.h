// Records on RocksDB: the one implementation, shared by the system's store and the tenants'.
//
// Family "records":
//   'r' kind id          -> sealed {varint created, varint revision, blob id, blob json}
//   'o' kind u64 created -> id hash: the order of creation
//   'n' counter          -> u8 version, u64 the last number given
// A tenant's records of the proven kinds are leaves of its evidence log: each write says what the row was and what it is.
// where kind, id and counter are the first 16 bytes of their HMAC-SHA256, and every sealed value is bound to its key.
#pragma once

#include <functional>
#include <mutex>

#include "storage/base/secret.h"
#include "storage/database.h"
#include "storage/evidence/entry.h"
#include "storage/records.h"

namespace kopial {

class RecordBook final : public Records {
 public:
  // `family` is the index of "records" in `database`, which outlives this.
  RecordBook(Database& database, std::size_t family, const Secret& store_key);

  struct Row {
    Bytes key;
    std::optional<Bytes> value;  // nullopt: removed
  };
  // Writes rows and what the evidence says of them, in one piece. For writes that touch a proven kind.
  using ProvenWrite = std::function<Result<void>(std::vector<Row> rows, std::vector<Fact> facts)>;
  void prove_with(ProvenWrite write) { proven_write_ = std::move(write); }  // to be called before any write
  // What the evidence would say of all records of the proven kinds; `take` is called while nobody writes any. `amiss`: how many cannot
  // be read, or are not where a listing would find them.
  Result<void> take_all(const std::function<Result<void>(std::vector<Fact> facts, std::uint64_t amiss)>& take);

  Result<void> write(std::vector<RecordWrite> writes) override;
  Result<std::optional<Record>> get(std::string_view kind, std::string_view id) const override;
  Result<std::vector<Record>> list(std::string_view kind, std::string_view after, std::size_t limit) const override;
  Result<std::uint64_t> next_number(std::string_view counter) override;

  // The first records of a kind in the order of creation, with the keys of all their rows: for whoever moves them elsewhere. Such as
  // cannot be read are passed over.
  struct Whole {
    std::string json;
    std::vector<Bytes> keys;
  };
  Result<std::vector<Whole>> first(std::string_view kind, std::size_t limit) const;

 private:
  struct Stored {
    std::uint64_t created = 0;
    Record record;
  };
  static Bytes encode(const Stored& stored);
  Result<void> write_rows(std::vector<Row> rows, std::vector<Fact> facts);
  Bytes hash(char purpose, std::string_view name) const;
  Bytes key_of(std::string_view kind, BytesView id_hash) const;
  Bytes order_key(std::string_view kind, std::uint64_t created) const;
  Result<std::optional<Stored>> read(const Bytes& key) const;
  Result<std::uint64_t> read_counter(const Bytes& key) const;

  Database& database_;
  const std::size_t family_;
  const Secret seal_key_, hash_key_;
  ProvenWrite proven_write_;
  std::mutex writing_;  // Compares revisions and counts; held across the fsync, records are few.
};

}  // namespace kopial
