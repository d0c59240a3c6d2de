// Erasing on request: one person asks and says why, another one confirms, and only then it happens. Both are audited.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/tenants.h"

namespace kopial {

struct ErasureRequest {
  std::string id;
  std::uint64_t revision = 0;
  std::string state;  // requested, done, refused, cancelled
  std::vector<Serial> messages;
  std::string reason, requested_by, confirmed_by;  // names, as they were
  std::string requester;  // the id of who asked: names change
  std::optional<Time> requested_at, ended_at;
  ErasureOutcome outcome;
  std::string error;  // why it was refused
};

Result<ErasureRequest> create_erasure(Tenant& tenant, ErasureRequest request);  // id is chosen
Result<std::optional<ErasureRequest>> find_erasure(Tenant& tenant, const std::string& id);
Result<std::vector<ErasureRequest>> list_erasures(Tenant& tenant, const std::string& after, std::size_t limit);
// conflict when somebody else changed it meanwhile.
Result<void> update_erasure(Tenant& tenant, const ErasureRequest& request);

}  // namespace kopial
