// Records on RocksDB: the one implementation, shared by the system's store and the tenants'.
//
// Family "records":
//   'r' kind id          -> sealed {varint created, varint revision, blob id, blob json}
//   'o' kind u64 created -> id hash: the order of creation
//   'n' counter          -> u8 version, u64 the last number given
// where kind, id and counter are the first 16 bytes of their HMAC-SHA256, and every sealed value is bound to its key.
#pragma once

#include <mutex>

#include "storage/base/secret.h"
#include "storage/database.h"
#include "storage/records.h"

namespace kopial {

class RecordBook final : public Records {
 public:
  // `family` is the index of "records" in `database`, which outlives this.
  RecordBook(Database& database, std::size_t family, const Secret& store_key);

  Result<void> write(std::vector<RecordWrite> writes) override;
  Result<std::optional<Record>> get(std::string_view kind, std::string_view id) const override;
  Result<std::vector<Record>> list(std::string_view kind, std::string_view after, std::size_t limit) const override;
  Result<std::uint64_t> next_number(std::string_view counter) override;

 private:
  struct Stored {
    std::uint64_t created = 0;
    Record record;
  };
  Bytes hash(char purpose, std::string_view name) const;
  Bytes key_of(std::string_view kind, BytesView id_hash) const;
  Bytes order_key(std::string_view kind, std::uint64_t created) const;
  Result<std::optional<Stored>> read(const Bytes& key) const;
  Result<std::uint64_t> read_counter(const Bytes& key) const;

  Database& database_;
  const std::size_t family_;
  const Secret seal_key_, hash_key_;
  std::mutex writing_;  // Compares revisions and counts; held across the fsync, records are few.
};

}  // namespace kopial
