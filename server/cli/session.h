// Where the server is and who asks: options, else the environment, else what `kopial login` kept.
#pragma once

#include <filesystem>

#include "server/cli/client.h"

namespace kopial::cli {

// $XDG_CONFIG_HOME/kopial/session.json or ~/.config/kopial/session.json
std::filesystem::path session_file();
// A field set in `wanted` wins over KOPIAL_URL, KOPIAL_TOKEN, KOPIAL_CA_FILE and KOPIAL_TENANT, and they over the kept session. A kept token
// is used for its own URL only.
Result<Access> resolve_access(const Access& wanted);
Result<void> keep_session(const Access& access);
Result<void> forget_session();

}  // namespace kopial::cli
