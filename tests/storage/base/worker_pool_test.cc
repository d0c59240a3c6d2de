#include "storage/base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace kopial {
namespace {

TEST(WorkerPoolTest, RunsWhatIsQueuedBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("test", 2, 100);
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(pool.submit([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 50);
}

TEST(WorkerPoolTest, RunsAsManyAtOnceAsItHasThreads) {
  std::latch all_in(3);  // Opens only when three jobs run at the same time; else the test hangs.
  WorkerPool pool("test", 3, 3);
  std::latch done(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pool.submit([&] {
      all_in.arrive_and_wait();
      done.count_down();
    }));
  }
  done.wait();
}

TEST(WorkerPoolTest, AnswersLaterWhenItsQueueIsFull) {
  std::latch started(1), release(1);
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("a name that is longer than the kernel keeps", 1, 2);
    ASSERT_TRUE(pool.submit([&] {
      started.count_down();
      release.wait();
    }));
    started.wait();  // The only thread is busy, and the queue is empty again.
    EXPECT_TRUE(pool.try_submit([&] { ++ran; }));
    EXPECT_TRUE(pool.try_submit([&] { ++ran; }));
    EXPECT_FALSE(pool.try_submit([&] { ran += 100; }));
    EXPECT_EQ(pool.queued(), 2u);
    release.count_down();
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace kopial
