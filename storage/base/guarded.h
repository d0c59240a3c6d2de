// A value that cannot be touched without its lock.
#pragma once

#include <mutex>
#include <utility>

namespace kopial {

template <typename T>
class Guarded {
 public:
  template <typename... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  // Runs `action(value)` under the lock and returns what it returns. Do not call back into the same Guarded.
  template <typename Action>
  decltype(auto) with(Action&& action) {
    const std::lock_guard lock(mutex_);
    return std::forward<Action>(action)(value_);
  }
  template <typename Action>
  decltype(auto) with(Action&& action) const {
    const std::lock_guard lock(mutex_);
    return std::forward<Action>(action)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace kopial
