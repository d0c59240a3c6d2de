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
#include <set>

#include "storage/batch_builder.h"

namespace kopial {

// Thread-safe.
class Committer {
 public:
  using MayErase = std::function<Result<void>(Serial)>;
  Committer(Database& database, const Names& names, const PartStore& parts, const PackStore& packs, Clock& clock, MayErase may_erase)
      : database_(database), names_(names), parts_(parts), packs_(packs), clock_(clock), may_erase_(std::move(may_erase)) {}

  // Reads the state. To be called once, before anything else.
  Result<void> load();
  // Returns when the batch is durable, or was not written.
  Result<BatchOutcome> commit(const PreparedBatch& batch);
  // The same for a batch of erasures.
  Result<ErasureOutcome> erase(const PreparedBatch& batch);
  // From now on, notes which rows of kSeen are written that name one of these messages. Whoever looks for them in the
  // store meanwhile misses those and only those, and `erase` knows them.
  void watch(std::set<Serial> messages);
  State state() const;
  void on_change(std::function<void(Sequence)> listener);

 private:
  struct Waiting {
    const PreparedBatch& batch;
    std::optional<Result<BatchOutcome>> outcome;
    ErasureOutcome erased;
    bool done = false;
  };
  void commit(Waiting& mine);
  void write(const std::vector<Waiting*>& group);
  Result<void> add(BatchBuilder& builder, Waiting& waiting);

  Database& database_;
  const Names& names_;
  const PartStore& parts_;
  const PackStore& packs_;
  Clock& clock_;
  const MayErase may_erase_;
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::deque<Waiting*> queue_;
  bool writing_ = false;
  State state_;
  std::function<void(Sequence)> listener_;
  std::set<Serial> watched_;
  std::vector<std::pair<Serial, Bytes>> seen_rows_;  // written since, that name one of watched_
};

}  // namespace kopial
