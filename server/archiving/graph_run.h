// One run of a Graph profile: which mailboxes, then each of them into its archive, a few at a time.
#pragma once

#include "config/settings.h"
#include "server/archiving/live_run.h"
#include "server/monitoring/metrics.h"

namespace kopial {

struct RunEnvironment {
  const Settings& settings;
  Metrics& metrics;
  Clock& clock;
};

// Fails when nothing could be begun: no credential, no sign-in, no directory. A mailbox that fails is a state of that mailbox.
Result<void> run_graph_profile(const Profile& profile, LiveRun& run, const RunEnvironment& environment);

}  // namespace kopial
