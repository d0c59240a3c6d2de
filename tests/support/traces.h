// Looking for bytes that should be gone: a text in the forms it may hide in, and a folder read from end to end.
#pragma once

#include <string>
#include <vector>

#include <filesystem>

namespace kopial {

// Each text as it is, in lower and upper case, in hex, in UTF-16, and in base64 at each of the three offsets.
std::vector<std::string> traces_of(const std::vector<std::string>& texts);

// One sentence for each file and needle that is in it; needles longer than 64 bytes are looked for by 64 bytes from their middle.
std::vector<std::string> found_in(const std::filesystem::path& folder, const std::vector<std::string>& needles);

}  // namespace kopial
