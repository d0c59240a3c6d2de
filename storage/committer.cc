#include "storage/committer.h"

#include <algorithm>

namespace kopial {
namespace {

// One write holds all of its group in memory, twice. A single larger batch is a group alone.
constexpr std::size_t kGroupBytesMax = 32 << 20;

}  // namespace

Result<void> Committer::load() {
  auto value = database_.get(kMeta, kStateKey);
  if (!value) return value.error();
  if (!*value) return {};
  const auto state = decode_state(**value);
  if (!state) return Error{ErrorCode::corrupt, "the state of the store cannot be read"};
  state_ = *state;
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

Result<BatchOutcome> Committer::commit(const PreparedBatch& batch) {
  Waiting mine{batch, std::nullopt, {}, false};
  commit(mine);
  return *std::move(mine.outcome);
}

Result<ErasureOutcome> Committer::erase(const PreparedBatch& batch) {
  Waiting mine{batch, std::nullopt, {}, false};
  commit(mine);
  if (!*mine.outcome) return mine.outcome->error();
  return mine.erased;
}

void Committer::watch(std::set<Serial> messages) {
  const std::lock_guard lock(mutex_);
  watched_ = std::move(messages);
  seen_rows_.clear();
}

void Committer::commit(Waiting& mine) {
  std::unique_lock lock(mutex_);
  queue_.push_back(&mine);
  written_.wait(lock, [&] { return mine.done || (!writing_ && queue_.front() == &mine); });
  if (mine.done) return;

  writing_ = true;
  std::vector<Waiting*> group;
  for (std::size_t bytes = 0; !queue_.empty(); queue_.pop_front()) {
    bytes += queue_.front()->batch.bytes;
    if (!group.empty() && bytes > kGroupBytesMax) break;
    // Erasing looks at the store, not at what else its group brings, so it is a group alone.
    const bool alone = !queue_.front()->batch.erasures.empty();
    if (!group.empty() && (alone || !group.front()->batch.erasures.empty())) break;
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

Result<void> Committer::add(BatchBuilder& builder, Waiting& waiting) {
  if (!waiting.batch.erasures.empty()) {
    // Only the writer adds to seen_rows_, and this is the writer.
    auto erased = builder.erase(waiting.batch.erasures, seen_rows_, may_erase_);
    if (!erased) {
      waiting.outcome = erased.error();
      return erased.error();
    }
    waiting.erased = *erased;
  }
  waiting.outcome = builder.add(waiting.batch);
  if (!*waiting.outcome) return waiting.outcome->error();
  return {};
}

// Only the writer gets here, so state_ changes nowhere else meanwhile.
void Committer::write(const std::vector<Waiting*>& group) {
  std::vector<Waiting*> sound = group;
  while (!sound.empty()) {
    BatchBuilder builder(database_, names_, parts_, packs_, state_, clock_.now());
    const auto failed = std::find_if(sound.begin(), sound.end(), [&](Waiting* waiting) {
      return !add(builder, *waiting);
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
    const bool changed = builder.state().last_sequence != state_.last_sequence;
    std::function<void(Sequence)> listener;
    {
      const std::lock_guard lock(mutex_);
      state_ = builder.state();
      listener = listener_;
      for (const auto& row : builder.seen_rows()) {
        if (watched_.contains(row.first)) seen_rows_.push_back(row);
      }
    }
    if (changed && listener) listener(Sequence{builder.state().last_sequence});
    return;
  }
}

}  // namespace kopial
