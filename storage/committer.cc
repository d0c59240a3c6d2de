#include "storage/committer.h"

#include <algorithm>

#include "storage/evidence/beginning.h"

namespace kopial {
namespace {

// One write holds all of its group in memory, twice. A single larger batch is a group alone.
constexpr std::size_t kGroupBytesMax = 32 << 20;

Error not_begun() {
  return {ErrorCode::unavailable, "the evidence log of this store is being begun with what was in it already; mail is taken and erased when that is done"};
}

}  // namespace

Result<void> Committer::load() {
  auto value = database_.get(kMeta, kStateKey);
  if (!value) return value.error();
  State state;
  if (*value) {
    if (is_newer_state(**value)) return Error{ErrorCode::invalid, "the store was last written by a newer version: use that one, or one that is newer still"};
    const auto decoded = decode_state(**value);
    if (!decoded) return Error{ErrorCode::corrupt, "the state of the store cannot be read"};
    state = *decoded;
  } else if (evidence_) {
    auto older = has_rows_without_state(database_);
    if (!older) return older.error();
    if (*older) {
      state.beginning = kBeginningAudit;
    } else {
      // So that a store which never gets mail is not taken for an older one at its next start.
      rocksdb::WriteBatch batch;
      batch.Put(database_.family(kMeta), slice(kStateKey), slice(encode(state)));
      if (auto written = database_.write(batch); !written) return written;
    }
  }
  if (auto loaded = log_.load(state); !loaded) return loaded;
  state_ = state;
  return {};
}

State Committer::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Committer::on_change(std::function<void(Sequence)> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void Committer::on_durable(std::function<void()> listener) {
  const std::lock_guard lock(mutex_);
  durable_ = std::move(listener);
}

Result<BatchOutcome> Committer::commit(const PreparedBatch& batch) {
  {
    const std::lock_guard lock(mutex_);
    if (refusal_) return *refusal_;
    if (state_.beginning != kBeginningNone) return not_begun();
  }
  Waiting mine{[&](BatchBuilder& builder) { return builder.add(batch); }, batch.bytes, false, std::nullopt, false};
  commit(mine);
  return *std::move(mine.outcome);
}

Result<ErasureOutcome> Committer::erase(const PreparedBatch& batch) {
  {
    const std::lock_guard lock(mutex_);
    if (state_.beginning != kBeginningNone) return not_begun();
  }
  ErasureOutcome outcome;
  Waiting mine{[&](BatchBuilder& builder) -> Result<BatchOutcome> {
                 // Only the writer adds to seen_rows_, and this is the writer.
                 auto erased = builder.erase(batch.erasures, seen_rows_, may_erase_);
                 if (!erased) return erased.error();
                 outcome = *erased;
                 return BatchOutcome{};
               },
               batch.bytes, true, std::nullopt, false};
  commit(mine);
  if (!*mine.outcome) return mine.outcome->error();
  return outcome;
}

void Committer::watch(std::set<Serial> messages) {
  const std::lock_guard lock(mutex_);
  watched_ = std::move(messages);
  seen_rows_.clear();
}

Result<void> Committer::commit(std::function<void(BatchBuilder&)> add) {
  Waiting mine{[&](BatchBuilder& builder) {
                 add(builder);
                 return Result<BatchOutcome>(BatchOutcome{});
               },
               0, false, std::nullopt, false};
  commit(mine);
  if (!*mine.outcome) return mine.outcome->error();
  return {};
}

void Committer::refuse_mail(std::optional<Error> why) {
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(why);
}

void Committer::commit(Waiting& mine) {
  std::unique_lock lock(mutex_);
  queue_.push_back(&mine);
  written_.wait(lock, [&] { return mine.done || (!writing_ && queue_.front() == &mine); });
  if (mine.done) return;

  writing_ = true;
  std::vector<Waiting*> group;
  for (std::size_t bytes = 0; !queue_.empty(); queue_.pop_front()) {
    bytes += queue_.front()->bytes;
    if (!group.empty() && bytes > kGroupBytesMax) break;
    // Erasing looks at the store, not at what else its group brings, so it is a group alone.
    if (!group.empty() && (queue_.front()->alone || group.front()->alone)) break;
    group.push_back(queue_.front());
  }
  lock.unlock();
  write(group);
  lock.lock();
  writing_ = false;
  for (auto* waiting : group) waiting->done = true;
  lock.unlock();
  written_.notify_all();
}

// Only the writer gets here, so state_ changes nowhere else meanwhile.
void Committer::write(const std::vector<Waiting*>& group) {
  if (const auto damage = log_.damage(); !damage.empty()) {
    for (auto* waiting : group) waiting->outcome = Error{ErrorCode::unavailable, damage};
    return;
  }
  std::vector<Waiting*> sound = group;
  while (!sound.empty()) {
    const TreeEdge edge = log_.edge();
    BatchBuilder builder(database_, names_, parts_, packs_, state_, evidence_ ? &edge : nullptr, clock_.now());
    const auto failed = std::find_if(sound.begin(), sound.end(), [&](Waiting* waiting) {
      waiting->outcome = waiting->add(builder);
      return !waiting->outcome->ok();
    });
    if (failed != sound.end()) {  // Rare. Its half-added rows go with the builder; the others begin again.
      sound.erase(failed);
      continue;
    }
    if (!builder.finish()) return;  // All of it was here already.
    if (auto written = database_.write(builder.rows()); !written) {
      for (auto* waiting : sound) waiting->outcome = written.error();
      return;
    }
    log_.advance(builder.edge(), to_number(builder.state().last_taken()));
    const bool changed = builder.state().last_sequence != state_.last_sequence;
    std::function<void(Sequence)> listener;
    std::function<void()> durable;
    {
      const std::lock_guard lock(mutex_);
      state_ = builder.state();
      listener = listener_;
      for (const auto& row : builder.seen_rows()) {
        if (watched_.contains(row.first)) seen_rows_.push_back(row);
      }
      durable = durable_;
    }
    if (durable) durable();
    if (changed && listener) listener(Sequence{builder.state().last_sequence});
    return;
  }
}

}  // namespace kopial
