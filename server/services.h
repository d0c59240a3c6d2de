// What handlers and jobs may use, wired by server/app.cc. Everything outlives the HTTP server.
#pragma once

#include <memory>

#include "storage/base/clock.h"

namespace kopial {

class Tenants;
class Users;        // server/people/users.h
class Directories;  // server/people/directories.h
class IdentityProviders;  // server/people/identity_providers.h
class Passkeys;     // server/people/passkeys.h
class Sessions;     // server/people/sessions.h
class RunService;   // server/archiving/run_service.h
class Metrics;      // server/monitoring/metrics.h
class Idempotency;  // server/api/idempotency.h
struct Settings;    // config/settings.h

struct Services {
  Clock& clock;
  const Settings& settings;
  Tenants& tenants;
  Users& users;
  Sessions& sessions;
  RunService& runs;
  Metrics& metrics;
  Idempotency& idempotency;
  Directories& directories;
  IdentityProviders& identity_providers;
  Passkeys& passkeys;
};

}  // namespace kopial
