// Profiles as records: their JSON, and their numbers.
#pragma once

#include <optional>
#include <vector>

#include "server/archiving/run_service.h"

namespace kopial {

Result<Profile> create_profile_record(Tenant& tenant, Profile profile);  // id and number are chosen
Result<Profile> update_profile_record(Tenant& tenant, Profile profile);  // compares revision
Result<std::optional<Profile>> find_profile(Tenant& tenant, const std::string& id);
Result<std::vector<Profile>> list_profiles(Tenant& tenant);

std::string_view to_string(AfterArchiving::Action action);  // "keep", "delete", "move"
std::optional<AfterArchiving::Action> parse_after_action(std::string_view text);

// Folders that a mailbox's owner does not mean to keep, or that hold no mail of his: left out unless a profile wants them.
const std::vector<std::string>& default_folder_exclusions();

}  // namespace kopial
