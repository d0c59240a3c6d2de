#include "server/people/back_off.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace kopial {
namespace {

constexpr int kFree = 5;                          // Failures that cost nothing: people mistype.
constexpr std::chrono::seconds kLongest{15 * 60};
constexpr std::chrono::hours kForgotten{1}, kTrusted{24 * 30};
constexpr std::size_t kKeysMax = 100'000;

}  // namespace

Result<void> BackOff::check(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = guesses_.find(key);
  if (found == guesses_.end() || clock_.uptime() >= found->second.not_before) return {};
  const auto wait = std::chrono::ceil<std::chrono::seconds>(found->second.not_before - clock_.uptime());
  return Error{ErrorCode::rate_limited, fmt::format("too many failed sign-ins; try again in {} s", wait.count())};
}

void BackOff::failed(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (guesses_.size() >= kKeysMax && !guesses_.contains(key)) make_room();
  auto& guesses = guesses_[key];
  if (clock_.uptime() - guesses.last > kForgotten) guesses.failures = 0;
  guesses.last = clock_.uptime();
  if (++guesses.failures <= kFree) return;
  const auto seconds = std::chrono::seconds(std::int64_t{1} << std::min(guesses.failures - kFree, 20));
  guesses.not_before = clock_.uptime() + std::chrono::nanoseconds(std::min<std::chrono::seconds>(seconds, kLongest));
}

// Forgets the older half: whoever floods with new names pushes out his own old ones first, and those who wait longest stay.
void BackOff::make_room() {
  std::vector<std::chrono::nanoseconds> times;
  for (const auto& [key, one] : guesses_) times.push_back(one.last);
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  const auto middle = times[times.size() / 2];
  std::erase_if(guesses_, [&](const auto& one) { return one.second.last <= middle && clock_.uptime() >= one.second.not_before; });
  if (guesses_.size() >= kKeysMax) std::erase_if(guesses_, [&](const auto& one) { return one.second.last <= middle; });
}

void BackOff::trust(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (trusted_.size() >= kKeysMax && !trusted_.contains(key)) {
    std::erase_if(trusted_, [&](const auto& one) { return clock_.uptime() - one.second > kTrusted; });
    if (trusted_.size() >= kKeysMax) trusted_.erase(trusted_.begin());
  }
  trusted_[key] = clock_.uptime();
}

bool BackOff::is_trusted(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = trusted_.find(key);
  return found != trusted_.end() && clock_.uptime() - found->second <= kTrusted;
}

void BackOff::succeeded(const std::string& key) {
  const std::lock_guard lock(mutex_);
  guesses_.erase(key);
}

}  // namespace kopial
