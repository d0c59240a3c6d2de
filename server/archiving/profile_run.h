// One run of a profile, whatever its source: which mailboxes, then each of them into its archive, a few at a time.
#pragma once

#include "server/archiving/live_run.h"
#include "server/archiving/open_source.h"

namespace kopial {

// Fails when nothing could be begun: no credential, no sign-in, no directory. A mailbox that fails is a state of that mailbox.
Result<void> run_profile(const Profile& profile, LiveRun& run, const RunEnvironment& environment);

}  // namespace kopial
