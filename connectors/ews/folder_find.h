// The messages of one folder that cannot be synchronised: what was modified since a watermark, and now and then what has vanished.
#pragma once

#include "connectors/ews/folder_sync.h"

namespace kopial::ews {

class FolderFind {
 public:
  FolderFind(PullContext& context, std::string folder_id, std::string path) : context_(context), id_(std::move(folder_id)), path_(std::move(path)) {}
  // Fails with not_found when the folder is gone.
  Result<void> run();

 private:
  Result<std::uint64_t> archived_items();
  Result<void> compare(std::int64_t now);

  PullContext& context_;
  const std::string id_, path_;
  FolderCursor cursor_;
};

}  // namespace kopial::ews
