#include "storage/base/bounded_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "storage/base/guarded.h"

namespace kopial {
namespace {

TEST(BoundedQueueTest, GivesBackInOrder) {
  BoundedQueue<int> queue(3);
  for (const int i : {1, 2, 3}) EXPECT_TRUE(queue.push(i));
  EXPECT_EQ(queue.size(), 3u);
  for (const int i : {1, 2, 3}) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.size(), 0u);
}

TEST(BoundedQueueTest, RefusesWhenFullAndLeavesTheItem) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  auto first = std::make_unique<int>(1), second = std::make_unique<int>(2);
  EXPECT_TRUE(queue.try_push(first));
  EXPECT_FALSE(queue.try_push(second));
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, 2);
  EXPECT_TRUE(queue.pop());
  EXPECT_TRUE(queue.try_push(second));
}

TEST(BoundedQueueTest, DrainsAfterClosing) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.push(1));
  queue.close();
  int two = 2;
  EXPECT_FALSE(queue.push(two));
  EXPECT_FALSE(queue.try_push(two));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

// The full queue makes its producer wait: it never holds more than its capacity, and nothing is
// lost or doubled.
TEST(BoundedQueueTest, PushesBackAndLosesNothing) {
  constexpr int kProducers = 3, kEach = 2000;
  constexpr std::size_t kCapacity = 4;
  BoundedQueue<int> queue(kCapacity);
  Guarded<std::vector<int>> seen;
  std::atomic<std::size_t> largest = 0;
  {
    std::vector<std::jthread> consumers;
    for (int c = 0; c < 2; ++c) {
      consumers.emplace_back([&] {
        while (const auto item = queue.pop()) {
          std::size_t size = queue.size(), before = largest;
          while (size > before && !largest.compare_exchange_weak(before, size)) {
          }
          seen.with([&](auto& items) { items.push_back(*item); });
        }
      });
    }
    std::vector<std::jthread> producers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < kEach; ++i) ASSERT_TRUE(queue.push(p * kEach + i));
      });
    }
    producers.clear();
    queue.close();
  }
  EXPECT_LE(largest, kCapacity);
  seen.with([](auto& items) {
    std::sort(items.begin(), items.end());
    std::vector<int> expected(kProducers * kEach);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(items, expected);
  });
}

// Each of these waits would hang until the test's time limit if it were not woken.
TEST(BoundedQueueTest, WakesWhoWaits) {
  BoundedQueue<int> queue(1);
  std::stop_source stop;
  bool pushed = true, popped = true;
  {
    std::jthread popping([&] { popped = queue.pop(stop.get_token()).has_value(); });
    stop.request_stop();
  }
  EXPECT_FALSE(popped);
  popped = true;
  EXPECT_TRUE(queue.push(1));
  stop = {};
  {
    std::jthread pushing([&] { pushed = queue.push(2, stop.get_token()); });
    stop.request_stop();
  }
  EXPECT_FALSE(pushed);
  EXPECT_EQ(queue.size(), 1u) << "what was refused is not inside";
  pushed = true;
  {
    std::jthread pushing([&] { pushed = queue.push(3); });
    queue.close();
  }
  EXPECT_FALSE(pushed);
  EXPECT_EQ(queue.pop(), 1);
  {
    std::jthread popping([&] { popped = queue.pop().has_value(); });
  }
  EXPECT_FALSE(popped);
}

}  // namespace
}  // namespace kopial
