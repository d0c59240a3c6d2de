// mbox files: messages behind "From " lines (RFC 4155; mboxrd and mboxo).
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>

#include "connectors/files/reader.h"

namespace kopial::files {

// Whether the file begins as an mbox does: a "From " line with something like a date.
bool looks_like_mbox(BytesView beginning);

// Gives each message in order. A line ">From " (any number of '>') loses one '>', which is exact for mboxrd; in an mboxo file, where
// only "From " itself was quoted, a line that was ">From " in the original loses one as well: such files cannot be told apart.
// Messages over `message_bytes_max` are left out and named in `report`. Memory is bounded by the largest message.
Result<void> read_mbox(const std::filesystem::path& path, const std::string& folder, std::uint64_t message_bytes_max,
                       const std::function<Result<void>(FileMessage)>& take, ReadReport& report, std::stop_token stop);

}  // namespace kopial::files
