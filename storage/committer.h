// One batch after the other into the store, however many callers wait: whoever finds nobody writing writes for all who wait,
// as one RocksDB write with one fsync.
//
// Only the writer looks up what is known, gives serials and sequences and counts, so there are no races to reason about; what
// costs time (parsing, compressing) was done before, by each caller for itself.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "storage/batch_builder.h"

namespace kopial {

// Thread-safe.
class Committer {
 public:
  Committer(Database& database, const Names& names, Clock& clock) : database_(database), names_(names), clock_(clock) {}

  // Reads the state. To be called once, before anything else.
  Result<void> load();
  // Returns when the batch is durable, or was not written.
  Result<BatchOutcome> commit(const PreparedBatch& batch);
  State state() const;
  void on_change(std::function<void(Sequence)> listener);

 private:
  struct Waiting {
    const PreparedBatch& batch;
    std::optional<Result<BatchOutcome>> outcome;
    bool done = false;
  };
  void write(const std::vector<Waiting*>& group);

  Database& database_;
  const Names& names_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::deque<Waiting*> queue_;
  bool writing_ = false;
  State state_;
  std::function<void(Sequence)> listener_;
};

}  // namespace kopial
