// From a profile to its source: the one place that knows which connector serves which kind of profile.
#pragma once

#include <memory>

#include "config/settings.h"
#include "connectors/source.h"
#include "server/archiving/connections.h"
#include "server/archiving/run_service.h"
#include "server/monitoring/metrics.h"

namespace kopial {

struct RunEnvironment {
  const Settings& settings;
  Metrics& metrics;
  Clock& clock;
  Connections& connections;
};

// A source and what it stands on.
struct OpenSource {
  std::shared_ptr<void> stands_on;  // outlives the source
  std::unique_ptr<Source> source;
};
// Signs in to nothing yet. Fails with not_found when the profile's credential is gone, invalid when it is not of the profile's kind.
Result<OpenSource> open_source(Tenant& tenant, const Profile& profile, const RunEnvironment& environment);

// Kinds of profiles that this version can run.
bool is_profile_kind(const std::string& kind);

}  // namespace kopial
