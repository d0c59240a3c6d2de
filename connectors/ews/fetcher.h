// The bytes of listed items: several in one request, as many as fit, and a few requests at once. One bad item never takes others with it.
#pragma once

#include <condition_variable>
#include <mutex>

#include "connectors/ews/folder_tree.h"
#include "connectors/source.h"
#include "storage/base/worker_pool.h"

namespace kopial::ews {

// What the folders of one pull share.
struct PullContext {
  Service& service;
  Target target;
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
  Result<Answer> call(std::string body) { return service.call(target, {.body = std::move(body)}, stop, &requests); }
};

// A listed item, and what is known of it before its bytes come.
struct Listed {
  SourceItem item;
  std::uint64_t size = 0;
};
// From an item element of a listing. The id is "" when it has none.
Listed read_listed(const Node& node, const std::string& folder, Time now);

// For one page of one folder; one thread adds and waits.
class Fetcher {
 public:
  explicit Fetcher(PullContext& context) : context_(context) {}
  ~Fetcher();

  // Asks the sink whether it is known, and fetches it if not. An error ends the pull.
  Result<void> take(Listed listed);
  Result<void> fetch_later(Listed listed);
  // Returns when everything has been given to the sink; `missing` gets what could not be fetched.
  Result<void> finish(std::vector<FolderCursor::Missing>& missing);

 private:
  using Batch = std::vector<Listed>;
  Result<void> submit();
  Result<void> fetch(Batch batch, int round);
  Result<void> split(Batch batch, const Error& error, int round);
  Result<void> give(Listed& listed, Message& message, Batch& again);
  Result<void> quarantine(const Listed& listed, const std::string& why);
  Result<void> fail(const Listed& listed, const Error& error);

  PullContext& context_;
  Batch batch_;
  std::uint64_t batch_bytes_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t under_way_ = 0;
  std::optional<Error> error_;
  std::vector<FolderCursor::Missing> missing_;
};

// The bytes of one item, given to the sink as message, quarantined, vanished or failed.
Result<void> fetch_one(Service& service, const Target& target, const SourceItem& item, EventSink& sink, std::stop_token stop);

}  // namespace kopial::ews
