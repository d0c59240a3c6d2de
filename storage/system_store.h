// What belongs to no tenant: the list of tenants, system administrators, and the master key that wraps the tenants' keys.
#pragma once

#include <filesystem>
#include <memory>

#include "storage/base/secret.h"
#include "storage/records.h"
#include "storage/tenant_store.h"

namespace kopial {

// The 32-byte master key from `path`; made there (mode 0600) when `create` and it is absent.
// Fails with invalid when it has another size or may be read by others, and not_found.
Result<Secret> load_master_key(const std::filesystem::path& path, bool create);

// Thread-safe.
class SystemStore {
 public:
  // `folder` is data_dir/system. Fails with invalid when the store was made under another master key: a clear error, never an empty archive.
  static Result<std::unique_ptr<SystemStore>> open(const std::filesystem::path& folder, const Secret& master_key,
                                                   std::shared_ptr<SharedBudget> budget = nullptr);
  virtual ~SystemStore() = default;
  virtual Records& records() = 0;

  // A fresh tenant key, wrapped by the master key; what `unwrap_key` opens. `slug` is bound to it.
  virtual Result<std::string> make_wrapped_key(std::string_view slug) = 0;
  virtual Result<Secret> unwrap_key(std::string_view slug, std::string_view wrapped) const = 0;
};

}  // namespace kopial
