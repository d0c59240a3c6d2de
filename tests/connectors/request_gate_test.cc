#include "connectors/http/request_gate.h"

#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace kopial {
namespace {

// A window holds so many requests and no more, whichever moment it begins at.
TEST(RequestGateTest, LetsNoMoreThanTheBudgetBeginWithinAnyWindow) {
  FakeClock clock;
  clock.set_auto_advance(true);
  RequestGate gate(4, 8, clock, 100);
  std::vector<std::chrono::nanoseconds> begun;
  for (int i = 0; i < 450; ++i) {
    auto permit = gate.enter("mailbox", {});
    ASSERT_TRUE(permit);
    begun.push_back(clock.uptime());
    clock.advance(std::chrono::milliseconds(i % 7 * 100));
  }
  for (std::size_t i = 100; i < begun.size(); ++i) EXPECT_GE(begun[i] - begun[i - 100], kRequestWindow - kRequestWindow / 20) << i;
  // 450 requests are four full windows; the gate must not be slower than it has to be by more than a slice of each.
  EXPECT_LE(begun.back() - begun.front(), kRequestWindow * 5);
}

TEST(RequestGateTest, GivesEachKeyItsOwnBudget) {
  FakeClock clock;
  clock.set_auto_advance(true);
  RequestGate gate(4, 8, clock, 10);
  for (int i = 0; i < 10; ++i) {
    for (const auto* key : {"a", "b", "c"}) ASSERT_TRUE(gate.enter(key, {}));
  }
  EXPECT_EQ(clock.waited(), std::chrono::milliseconds(0));
  ASSERT_TRUE(gate.enter("a", {}));
  EXPECT_GT(clock.waited(), std::chrono::milliseconds(0));
}

TEST(RequestGateTest, WithoutABudgetOnlyPausesCount) {
  FakeClock clock;
  clock.set_auto_advance(true);
  RequestGate gate(4, 8, clock);
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(gate.enter("mailbox", {}));
  EXPECT_EQ(clock.waited(), std::chrono::milliseconds(0));
  gate.pause("mailbox", std::chrono::seconds(7));
  ASSERT_TRUE(gate.enter("mailbox", {}));
  EXPECT_GE(clock.waited(), std::chrono::seconds(7));
}

TEST(RequestGateTest, StopsWaitingWhenToldTo) {
  FakeClock clock;
  RequestGate gate(4, 8, clock, 1);
  ASSERT_TRUE(gate.enter("mailbox", {}));
  std::stop_source stop;
  stop.request_stop();
  const auto refused = gate.enter("mailbox", stop.get_token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace kopial
