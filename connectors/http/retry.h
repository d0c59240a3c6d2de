// When to ask again: pure functions, so that every rule can be tested in a table.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "storage/base/clock.h"

namespace kopial {

// Retry-After (RFC 9110 section 10.2.3): whole seconds, an HTTP-date, and the decimals that Microsoft sends. `date` is the answer's
// own Date field, so that a wrong clock here does not matter; empty: `now` counts. nullopt when it says nothing that can be read.
std::optional<std::chrono::milliseconds> read_retry_after(std::string_view value, std::string_view date, Time now);

// How long to wait before attempt `attempt` (1 = the first repetition): 1, 2, 4 … 60 seconds, of which `chance` in [0,1) takes up
// to half away, so that many clients do not come back together.
std::chrono::milliseconds backoff(int attempt, double chance);

// Whether repeating a request that was answered with this status may help.
bool is_transient(int status);

}  // namespace kopial
