// for_each_index(n, f): f(0) ... f(n - 1) on all cores, in no order. f must not throw.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace kopial::bench {

template <typename F>
void for_each_index(std::size_t count, const F& action) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    const std::size_t step = count < 256 ? 1 : 16;
    for (std::size_t from = next.fetch_add(step); from < count; from = next.fetch_add(step)) {
      for (std::size_t i = from; i < std::min(count, from + step); ++i) action(i);
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::max(1U, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
  work();
}

}  // namespace kopial::bench
