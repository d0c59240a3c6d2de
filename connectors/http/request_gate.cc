#include "connectors/http/request_gate.h"

namespace kopial {

void RequestGate::Window::advance(std::int64_t to) {
  if (to - slice >= static_cast<std::int64_t>(kSlices)) {
    begun.fill(0);
    sum = 0;
    slice = to;
  }
  for (; slice < to; ++slice) {
    auto& oldest = begun[static_cast<std::size_t>(slice + 1) % kSlices];
    sum -= oldest;
    oldest = 0;
  }
}

Result<RequestGate::Permit> RequestGate::enter(const std::string& key, std::stop_token stop) {
  const Error cancelled{ErrorCode::cancelled, "stopped while waiting for a turn"};
  std::unique_lock lock(mutex_);
  Lane& lane = lanes_[key];
  ++lane.waiting;
  while (true) {
    const bool room = left_.wait(lock, stop, [&] { return lane.under_way < limit_of(lane) && under_way_ < in_total_; });
    auto pause = lane.not_before - clock_.uptime();
    lane.window.advance(slice_now());
    if (per_window_ > 0 && lane.window.sum >= per_window_) {
      const std::chrono::nanoseconds next = kSlice * (lane.window.slice + 1);
      pause = std::max<std::chrono::nanoseconds>(pause, next - clock_.uptime());
    }
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
  ++lane.window.begun[static_cast<std::size_t>(lane.window.slice) % kSlices];
  ++lane.window.sum;
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
    forget_idle();
  }
  left_.notify_all();
}

// Lanes of mailboxes long done are dropped, so the map stays as small as what is going on. Looked for once in each slice.
void RequestGate::forget_idle() {
  const auto now = slice_now();
  if (now == swept_) return;
  swept_ = now;
  std::erase_if(lanes_, [&](const auto& entry) {
    const auto& lane = entry.second;
    return lane.under_way == 0 && lane.waiting == 0 && lane.limit == 0 && lane.not_before <= clock_.uptime() && now - lane.window.slice >= static_cast<std::int64_t>(kSlices);
  });
}

}  // namespace kopial
