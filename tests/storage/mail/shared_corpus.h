// The messages of the shared corpus, read in place; see corpus/README.md of the shared folder.
#pragma once

#include <functional>
#include <string>

#include "storage/base/bytes.h"

namespace kopial {

using OnFile = std::function<void(const std::string& name, const Bytes& content)>;

// Every file of mime-edge/, those of its large.tar.zst too. Answers how many; 0 when there is no
// shared folder.
std::size_t each_edge_case(const OnFile& on_file);
// Every message of volume/`archive`, a ".tar.zst" or a ".mbox.zst" (mboxrd).
std::size_t each_message(const std::string& archive, const OnFile& on_file);

}  // namespace kopial

#define KOPIAL_SKIP_WITHOUT_CORPUS() \
  if (!::kopial::shared_folder())    \
  GTEST_SKIP() << "SKIPPED: no shared folder with a corpus; set KOPIAL_SHARED"
