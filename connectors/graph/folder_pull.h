// The messages of one folder: its delta, page by page, and the bytes of what is new.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>

#include "connectors/graph/cursors.h"
#include "connectors/graph/item_fetch.h"
#include "storage/base/guarded.h"
#include "storage/base/worker_pool.h"

namespace kopial::graph {

// What the folders of one pull share.
struct PullContext {
  Service& service;
  std::string url;      // of the mailbox
  std::string mailbox;  // whose budget requests count against
  EventSink& sink;
  const PullOptions& options;
  std::stop_token stop;
  WorkerPool& downloads;
  std::atomic<std::uint64_t> requests = 0, seen = 0;
  std::atomic<bool> unfinished = false;
  Guarded<std::vector<std::string>> findings{};
  Guarded<std::vector<SourceGap>> gaps{};

  void find(std::string finding) {
    findings.with([&](auto& all) { all.push_back(std::move(finding)); });
  }
};

// Pulls what changed in the folder since its cursor. A page is given to the sink whole before the cursor behind it is saved, so a
// pull that is cut off anywhere goes on there.
class FolderPull {
 public:
  FolderPull(PullContext& context, std::string folder_id, std::string path) : context_(context), id_(std::move(folder_id)), path_(std::move(path)) {}
  Result<void> run();

 private:
  // Downloads of one page.
  struct Group {
    std::mutex mutex;
    std::condition_variable ended;
    std::size_t under_way = 0;
    std::optional<Error> error;
    std::vector<FolderCursor::Missing> missing;
  };

  std::string first_link() const;
  Result<void> start_over(const std::string& why);
  Result<void> take_page(const boost::json::object& page, Group& group);
  Result<void> take_item(const boost::json::object& listed, Group& group);
  Result<void> fetch_later(SourceItem item, Group& group);
  Result<void> fetch(const SourceItem& item, Group& group);
  Result<void> take_recent();
  Result<void> leave_gap(const Error& error);
  bool backfill_is_over() const;
  Result<void> wait_for(Group& group);
  Result<void> fetch_missing();
  bool in_period(Time received) const;

  PullContext& context_;
  const std::string id_, path_;
  FolderCursor cursor_;
  bool listing_everything_ = false;   // after a reset: what is not listed has vanished
  bool restarted_ = false;            // by a reset in this very pull
  std::set<std::string> listed_;
};

}  // namespace kopial::graph
