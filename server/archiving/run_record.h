// A run as JSON: what the API shows, and what is kept.
#pragma once

#include <boost/json.hpp>

#include "server/archiving/run_service.h"
#include "storage/records.h"

namespace kopial {

boost::json::object run_view(const RunView& run);
Result<RunView> decode_run(const Record& record);

}  // namespace kopial
