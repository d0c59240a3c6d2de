#include "server/people/back_off.h"

#include <fmt/format.h>

namespace kopial {
namespace {

constexpr int kFree = 5;                          // Failures that cost nothing: people mistype.
constexpr std::chrono::seconds kLongest{15 * 60};
constexpr std::chrono::hours kForgotten{1};
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
  if (guesses_.size() >= kKeysMax && !guesses_.contains(key)) {
    std::erase_if(guesses_, [&](const auto& one) { return clock_.uptime() - one.second.last > kForgotten; });
    if (guesses_.size() >= kKeysMax) guesses_.clear();
  }
  auto& guesses = guesses_[key];
  if (clock_.uptime() - guesses.last > kForgotten) guesses.failures = 0;
  guesses.last = clock_.uptime();
  if (++guesses.failures <= kFree) return;
  const auto seconds = std::chrono::seconds(std::int64_t{1} << std::min(guesses.failures - kFree, 20));
  guesses.not_before = clock_.uptime() + std::chrono::nanoseconds(std::min<std::chrono::seconds>(seconds, kLongest));
}

void BackOff::succeeded(const std::string& key) {
  const std::lock_guard lock(mutex_);
  guesses_.erase(key);
}

}  // namespace kopial
