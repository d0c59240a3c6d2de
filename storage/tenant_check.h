// Counting everything again: what TenantStore::check does.
#pragma once

#include <string>
#include <vector>

#include "storage/tenant_reader.h"

namespace kopial {

Result<std::vector<std::string>> check_tenant(const Database& database, const Names& names, const TenantReader& reader,
                                              const State& state);

}  // namespace kopial
