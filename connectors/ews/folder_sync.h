// The messages of one folder: what changed since its sync state, page by page, and the bytes of what is new.
#pragma once

#include <set>

#include "connectors/ews/fetcher.h"
#include "connectors/ews/requests.h"

namespace kopial::ews {

bool in_period(const EwsOptions& options, Time received);

// What could not be fetched last time, first.
Result<void> fetch_missing(PullContext& context, const std::string& path, FolderCursor& cursor);
// Fails when more is missing than a cursor should carry.
Result<void> check_missing(const FolderCursor& cursor, const std::string& path);

// A page is given to the sink whole before the state behind it is saved, so a pull that is cut off anywhere goes on there.
class FolderSync {
 public:
  FolderSync(PullContext& context, std::string folder_id, std::string path) : context_(context), id_(std::move(folder_id)), path_(std::move(path)) {}
  Result<void> run();

 private:
  Result<void> start_over();
  bool backfill_is_over() const;
  Result<void> take_page(const Message& page, Fetcher& fetcher);
  Result<void> take_item(const Node& node, Fetcher& fetcher);
  Result<void> take_read(const std::vector<ItemRef>& items, Fetcher& fetcher);

  PullContext& context_;
  const std::string id_, path_;
  FolderCursor cursor_;
  bool listing_everything_ = false;  // after a lost state: what is not listed has vanished
  std::set<std::string> listed_;
  std::optional<Time> oldest_;  // received, of what was listed in this pull
};

}  // namespace kopial::ews
