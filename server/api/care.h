// Routes of the store's care: erasures, scrubs, backups, restores.
#pragma once

#include "server/api/api.h"

namespace kopial {

class CareService;

void add_erasure_routes(Api& api, CareService& care);  // erasures
void add_care_routes(Api& api, CareService& care);     // scrub, backups, care/jobs, system/restores

}  // namespace kopial
