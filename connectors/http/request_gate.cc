#include "connectors/http/request_gate.h"

namespace kopial {

Result<RequestGate::Permit> RequestGate::enter(const std::string& key, std::stop_token stop) {
  const Error cancelled{ErrorCode::cancelled, "stopped while waiting for a turn"};
  std::unique_lock lock(mutex_);
  Lane& lane = lanes_[key];
  ++lane.waiting;
  while (true) {
    const bool room = left_.wait(lock, stop, [&] { return lane.under_way < limit_of(lane) && under_way_ < in_total_; });
    const auto pause = lane.not_before - clock_.uptime();
    if (room && pause <= std::chrono::nanoseconds(0)) break;
    // Whoever waits for the end of a pause holds no place, so that other mailboxes go on.
    lock.unlock();
    const bool going = room && clock_.wait_for(std::chrono::ceil<std::chrono::milliseconds>(pause), stop);
    lock.lock();
    if (!going) {
      --lane.waiting;
      return cancelled;
    }
  }
  --lane.waiting;
  ++lane.under_way;
  ++under_way_;
  return Permit(this, key);
}

void RequestGate::pause(const std::string& key, std::chrono::milliseconds duration) {
  const std::lock_guard lock(mutex_);
  auto& lane = lanes_[key];
  lane.not_before = std::max(lane.not_before, clock_.uptime() + std::chrono::nanoseconds(duration));
}

void RequestGate::narrow(const std::string& key) {
  const std::lock_guard lock(mutex_);
  auto& lane = lanes_[key];
  lane.limit = std::max<std::size_t>(1, limit_of(lane) / 2);
}

void RequestGate::widen(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    const auto lane = lanes_.find(key);
    if (lane == lanes_.end() || lane->second.limit == 0) return;
    if (++lane->second.limit >= per_key_) lane->second.limit = 0;
  }
  left_.notify_all();
}

void RequestGate::leave(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    --under_way_;
    const auto lane = lanes_.find(key);
    --lane->second.under_way;
    // Lanes of mailboxes long done are dropped, so the map stays as small as what is going on.
    if (lane->second.under_way == 0 && lane->second.waiting == 0 && lane->second.limit == 0 && lane->second.not_before <= clock_.uptime()) lanes_.erase(lane);
  }
  left_.notify_all();
}

}  // namespace kopial
