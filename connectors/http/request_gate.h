// How many requests may be under way: per key (a mailbox), and over all keys; and since when a key may be asked again.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

// Thread-safe. Must outlive its permits.
class RequestGate {
 public:
  RequestGate(std::size_t per_key, std::size_t in_total, Clock& clock) : per_key_(per_key), in_total_(in_total), clock_(clock) {}

  // The right to have one request under way; given back with its end.
  class Permit {
   public:
    Permit(Permit&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), key_(std::move(other.key_)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (gate_ != nullptr) gate_->leave(key_);
    }

   private:
    friend class RequestGate;
    Permit(RequestGate* gate, std::string key) : gate_(gate), key_(std::move(key)) {}
    RequestGate* gate_;
    std::string key_;
  };

  // Waits for room and for the end of a pause of this key. Fails with cancelled.
  Result<Permit> enter(const std::string& key, std::stop_token stop);
  // No request of this key begins before `duration` has passed. A longer pause that is set already stays.
  void pause(const std::string& key, std::chrono::milliseconds duration);
  // The other side is overloaded: half as many requests of this key at once, at least one; `widen` allows one more again.
  void narrow(const std::string& key);
  void widen(const std::string& key);

 private:
  struct Lane {
    std::size_t under_way = 0;
    std::size_t waiting = 0;
    std::size_t limit = 0;  // 0: per_key_
    std::chrono::nanoseconds not_before{0};  // of Clock::uptime
  };
  void leave(const std::string& key);
  std::size_t limit_of(const Lane& lane) const { return lane.limit == 0 ? per_key_ : lane.limit; }

  const std::size_t per_key_, in_total_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any left_;
  std::map<std::string, Lane> lanes_;
  std::size_t under_way_ = 0;
};

}  // namespace kopial
