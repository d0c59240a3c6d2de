// Tenants: opened on demand for an authenticated caller, closed when idle. A Tenant is the only way to its mail.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "indexer/index.h"
#include "storage/system_store.h"
#include "storage/tenant_store.h"

namespace kopial {

struct TenantFacts {
  std::string slug;  // [a-z0-9-]{1,63}; the name of its folder
  std::string name;
  std::vector<std::string> languages;  // "de", "en"
  std::string region;
  Time created_at;
};

struct Archive {
  ArchiveId id{};
  std::string kind;  // person, shared, journal, import
  std::string display_name;
  std::string owner_user;              // user id; "" = none
  std::string source_mailbox;          // the directory's immutable id; "" for imports
  std::vector<std::string> addresses;
  std::vector<std::string> other_mailboxes;  // ids that other directories have for the same mailbox
};

class GrantBook;  // server/people/grants.h

// One open tenant: its store, its index, and the thread that keeps the index fresh. Thread-safe.
class Tenant {
 public:
  virtual ~Tenant() = default;
  virtual const TenantFacts& facts() const = 0;
  virtual TenantStore& store() = 0;
  virtual Index& index() = 0;
  virtual GrantBook& grant_book() = 0;

  virtual Result<std::vector<Archive>> archives() = 0;  // cached; in the order of creation
  virtual Result<std::optional<Archive>> archive(ArchiveId id) = 0;
  // The archive of this source mailbox, by any id that a directory has for it; made when there is none yet, for the person the
  // mailbox belongs to. Two calls at once give the same archive.
  virtual Result<Archive> archive_for_mailbox(const std::string& source_mailbox, const Archive& wanted) = 0;
  virtual Result<Archive> create_archive(Archive wanted) = 0;  // id is chosen
  virtual Result<void> update_archive(const Archive& archive) = 0;
  // "" while the index keeps up; else what keeps it from doing so.
  virtual std::string index_trouble() const = 0;
};

// Thread-safe.
class Tenants {
 public:
  virtual ~Tenants() = default;
  virtual Result<std::vector<TenantFacts>> list() = 0;
  virtual Result<std::optional<TenantFacts>> find(const std::string& slug) = 0;
  virtual Result<void> create(TenantFacts facts) = 0;  // conflict when the slug is taken
  virtual Result<void> update(const TenantFacts& facts) = 0;
  // not_found when there is none.
  virtual Result<std::shared_ptr<Tenant>> open(const std::string& slug) = 0;
  // Destroys the tenant's wrapped key first, then its folder. Nothing can be read afterwards.
  // conflict while it is in use.
  virtual Result<void> destroy(const std::string& slug) = 0;
  virtual std::vector<std::shared_ptr<Tenant>> open_now() = 0;
  // Closes what nobody has used for a while.
  virtual void close_idle() = 0;
};

struct TenantsOptions {
  std::filesystem::path folder;  // data_dir/tenants
  std::uint64_t message_bytes_max = 256ull << 20;
  std::shared_ptr<SharedBudget> budget;
  std::size_t index_lanes = 2;
  std::vector<std::filesystem::path> anchor_folders;  // where a tenant's checkpoint is kept too, as <slug>.anchor
};
std::unique_ptr<Tenants> make_tenants(SystemStore& system, TenantsOptions options, Clock& clock);

// [a-z0-9-], 1 to 63 of them, neither beginning nor ending with '-'.
bool is_slug(const std::string& text);

}  // namespace kopial
