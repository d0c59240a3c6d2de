// The messages of one folder: what changed since its sync state, page by page, and the bytes of what is new.
#pragma once

#include <set>

#include "connectors/ews/fetcher.h"

namespace kopial::ews {

// All archived items of a folder that is gone at the source, or that the source's full listing no longer has.
Result<void> close_items(EventSink& sink, const std::string& folder, const std::set<std::string>* still_listed);

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

  PullContext& context_;
  const std::string id_, path_;
  FolderCursor cursor_;
  bool listing_everything_ = false;  // after a lost state: what is not listed has vanished
  std::set<std::string> listed_;
  std::optional<Time> oldest_;  // received, of what was listed in this pull
};

}  // namespace kopial::ews
