// Logging: the one global thing. Use spdlog's functions (spdlog::info and so on) with fmt arguments.
//
// A log line never holds mail content, addresses of unauthenticated guesses, or a Secret.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "storage/base/result.h"

namespace kopial {

// Level: trace|debug|info|warn|error. Format: text|json, one line an event on stderr.
Result<void> set_up_logging(std::string_view level, std::string_view format);

}  // namespace kopial
