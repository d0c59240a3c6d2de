// What backing up and restoring need of the registry of tenants, and nobody else does.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "server/tenants.h"
#include "storage/base/secret.h"

namespace kopial {

class TenantCare {
 public:
  virtual ~TenantCare() = default;

  virtual Result<Secret> key(const std::string& slug) = 0;
  virtual std::filesystem::path folder(const std::string& slug) const = 0;  // of its store
  // JSON of the tenant's facts and its key as the master key wraps it: what takes it in again on another machine with that master key.
  virtual Result<std::string> attachment(const std::string& slug) = 0;

  // Puts another store in the place of the tenant's. `fill` makes it in an empty folder and answers for it; only then the old one is set
  // aside, beside it, and the index removed. A tenant that is not known is taken in with `attachment`. conflict while somebody works in
  // the tenant; whoever wants to meanwhile is told to wait.
  using Fill = std::function<Result<void>(const std::filesystem::path& store, const Secret& key)>;
  virtual Result<void> replace(const std::string& slug, const std::string& attachment, const Fill& fill) = 0;
  // The key that `attachment` holds, of a tenant that need not be known here.
  virtual Result<Secret> key_in(const std::string& slug, const std::string& attachment) = 0;
};

// Of a registry made by make_tenants.
TenantCare& care_of(Tenants& tenants);

}  // namespace kopial
