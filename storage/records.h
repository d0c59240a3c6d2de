// Small durable records beside the mail: users, archives, profiles, credentials, runs, sessions, tenants.
//
// A record is a JSON text under (kind, id), sealed at rest, with a revision that optimistic updates compare. The owner of a kind
// defines its JSON; this class only keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace kopial {

struct Record {
  std::string id;
  std::uint64_t revision = 0;  // counts from 1; the ETag of the API
  std::string json;
};

struct RecordWrite {
  std::string kind, id;
  std::optional<std::string> json;         // nullopt deletes
  std::optional<std::uint64_t> if_revision;  // 0 = must not exist yet
};

// Thread-safe. Ids are at most 512 bytes and are stored as keyed hashes, so a listing sorts by creation, not by id.
class Records {
 public:
  virtual ~Records() = default;

  // Durable when it returns; all writes or none. Fails with conflict when an if_revision does not fit.
  virtual Result<void> write(std::vector<RecordWrite> writes) = 0;
  virtual Result<std::optional<Record>> get(std::string_view kind, std::string_view id) const = 0;
  // In the order of creation, after the record called `after` ("" = from the start).
  virtual Result<std::vector<Record>> list(std::string_view kind, std::string_view after, std::size_t limit) const = 0;
  // 1, 2, 3 …: never returns the same number twice, also after a crash.
  virtual Result<std::uint64_t> next_number(std::string_view counter) = 0;

  Result<void> put(std::string kind, std::string id, std::string json, std::optional<std::uint64_t> if_revision = std::nullopt) {
    return write({{std::move(kind), std::move(id), std::move(json), if_revision}});
  }
  Result<void> remove(std::string kind, std::string id) {
    return write({{std::move(kind), std::move(id), std::nullopt, std::nullopt}});
  }
};

// The kinds whose every change is a leaf of a tenant's evidence log: who there is, who may see what and by whose leave, what is archived
// and from where. Not credentials: a digest of a short secret tells it to whoever tries them all.
std::span<const std::string_view> proven_record_kinds();

}  // namespace kopial
