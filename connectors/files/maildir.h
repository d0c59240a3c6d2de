// Maildir and Maildir++: what file and folder names say.
#pragma once

#include <filesystem>
#include <string>

#include "storage/base/clock.h"

namespace kopial::files {

// Whether the folder has cur/ and new/ in it.
bool is_maildir(const std::filesystem::path& folder);
// "" for the Maildir itself, "Projects/2026" for ".Projects.2026" in it. Names are IMAP's modified UTF-7 (RFC 3501 section 5.1.3).
std::string maildir_folder(const std::string& directory_name);
// From the leading seconds of the file name; nullopt when it has none.
std::optional<Time> delivered_at(const std::string& file_name);
// A message is unread without the flag S in ":2,…"; all in new/ are.
bool is_unread(const std::filesystem::path& file);

std::string decode_modified_utf7(const std::string& text);

}  // namespace kopial::files
