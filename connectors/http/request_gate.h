// How many requests may be under way: per key (a mailbox), and over all keys; how many may begin within a time; and since when a key
// may be asked again.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

inline constexpr std::chrono::seconds kRequestWindow{600};

// Thread-safe. Must outlive its permits.
class RequestGate {
 public:
  // `per_window`: so many requests of one key may begin within any kRequestWindow; 0: as many as come.
  RequestGate(std::size_t per_key, std::size_t in_total, Clock& clock, std::uint32_t per_window = 0)
      : per_key_(per_key), in_total_(in_total), per_window_(per_window), clock_(clock) {}

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
  static constexpr std::size_t kSlices = 20;
  static constexpr std::chrono::nanoseconds kSlice = std::chrono::nanoseconds(kRequestWindow) / std::int64_t{kSlices};
  // Requests begun lately, counted in slices of the window; the slice of now is not yet over, so the sum never allows too many.
  struct Window {
    std::array<std::uint32_t, kSlices> begun{};
    std::int64_t slice = 0;  // the newest one
    std::uint32_t sum = 0;
    void advance(std::int64_t to);
  };
  struct Lane {
    Window window;
    std::size_t under_way = 0;
    std::size_t waiting = 0;
    std::size_t limit = 0;  // 0: per_key_
    std::chrono::nanoseconds not_before{0};  // of Clock::uptime
  };
  void leave(const std::string& key);
  std::size_t limit_of(const Lane& lane) const { return lane.limit == 0 ? per_key_ : lane.limit; }
  void forget_idle();  // Under the lock.
  std::int64_t slice_now() const { return clock_.uptime() / kSlice; }

  const std::size_t per_key_, in_total_;
  const std::uint32_t per_window_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any left_;
  std::map<std::string, Lane> lanes_;
  std::int64_t swept_ = 0;
  std::size_t under_way_ = 0;
};

}  // namespace kopial
