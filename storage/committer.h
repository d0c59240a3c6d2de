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
#include "storage/evidence/log.h"

namespace kopial {

// Thread-safe.
class Committer {
 public:
  using MayErase = std::function<Result<void>(Serial)>;
  // `evidence` false: benches only, to measure its share.
  Committer(Database& database, const Names& names, const PartStore& parts, const PackStore& packs, EvidenceLog& log, Clock& clock,
            MayErase may_erase, bool evidence)
      : database_(database),
        names_(names),
        parts_(parts),
        packs_(packs),
        log_(log),
        clock_(clock),
        may_erase_(std::move(may_erase)),
        evidence_(evidence) {}

  // Reads the state. To be called once, before anything else.
  Result<void> load();
  // Returns when the batch is durable, or was not written.
  Result<BatchOutcome> commit(const PreparedBatch& batch);
  // The same for a batch of erasures.
  Result<ErasureOutcome> erase(const PreparedBatch& batch);
  // From now on, notes which rows of kSeen are written that name one of these messages. Whoever looks for them in the
  // store meanwhile misses those and only those, and `erase` knows them.
  void watch(std::set<Serial> messages);
  // The same for whatever else must be written in one piece with its leaf. `add` is called by the writer, once or more.
  Result<void> commit(std::function<void(BatchBuilder&)> add);
  // From now on no mail is taken, with this error; nullopt takes it again. While the log begins (State) it is refused anyway.
  void refuse_mail(std::optional<Error> why);
  State state() const;
  void on_change(std::function<void(Sequence)> listener);
  // Called by the writer after each durable batch, before its callers hear of it.
  void on_durable(std::function<void()> listener);

 private:
  struct Waiting {
    std::function<Result<BatchOutcome>(BatchBuilder&)> add;
    std::size_t bytes = 0;
    bool alone = false;  // as its group
    std::optional<Result<BatchOutcome>> outcome;
    bool done = false;
  };
  void commit(Waiting& mine);
  void write(const std::vector<Waiting*>& group);

  Database& database_;
  const Names& names_;
  const PartStore& parts_;
  const PackStore& packs_;
  EvidenceLog& log_;
  Clock& clock_;
  const MayErase may_erase_;
  const bool evidence_;
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::deque<Waiting*> queue_;
  bool writing_ = false;
  State state_;
  std::optional<Error> refusal_;
  std::function<void(Sequence)> listener_;
  std::set<Serial> watched_;
  std::vector<std::pair<Serial, Bytes>> seen_rows_;  // written since, that name one of watched_
  std::function<void()> durable_;
};

}  // namespace kopial
