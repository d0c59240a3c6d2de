// The archives of the corpus: Zstandard streams of tar and mboxrd.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace kopial::bench {

struct ArchivedFile {
  std::string name;
  Bytes content;
};

// The whole stream, decompressed. Fails with not_found, unavailable, corrupt.
Result<Bytes> read_zstd(const std::filesystem::path& file);
// The regular files of a tar archive (ustar, GNU long names, pax paths).
std::vector<ArchivedFile> split_tar(BytesView tar);
// The messages of an mboxrd file, unquoted, without their "From " line; their names are `prefix`#1, #2, ...
std::vector<ArchivedFile> split_mbox(BytesView mbox, const std::string& prefix);

}  // namespace kopial::bench
