#include "storage/base/clock.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/support.h"

namespace kopial {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339Test, WritesUtcWithAFractionOnlyWhereThereIsOne) {
  EXPECT_EQ(format_rfc3339(from_milliseconds(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(from_milliseconds(1'795'492'440'123)), "2026-11-24T03:54:00.123Z");
  EXPECT_EQ(format_rfc3339(from_milliseconds(1'795'492'440'007)), "2026-11-24T03:54:00.007Z");
  EXPECT_EQ(format_rfc3339(from_milliseconds(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(from_milliseconds(951'782'400'000)), "2000-02-29T00:00:00Z");
}

TEST(Rfc3339Test, ReadsEveryOffsetAndFraction) {
  const Time noon = from_milliseconds(1'795'492'440'000);
  for (const std::string_view text :
       {"2026-11-24T03:54:00Z", "2026-11-24t03:54:00z", "2026-11-24 03:54:00Z",
        "2026-11-24T04:54:00+01:00", "2026-11-23T22:24:00-05:30", "2026-11-24T03:54:00-00:00",
        "2026-11-24T03:54:00.0Z", "2026-11-24T03:54:00.000000Z"}) {
    EXPECT_EQ(parse_rfc3339(text), noon) << text;
  }
  EXPECT_EQ(parse_rfc3339("2026-11-24T03:54:00.1Z"), noon + 100ms);
  EXPECT_EQ(parse_rfc3339("2026-11-24T03:54:00.1239999Z"), noon + 123ms);
  EXPECT_EQ(parse_rfc3339("2026-11-24T04:54:00.5+01:00"), noon + 500ms);
  EXPECT_EQ(parse_rfc3339("1969-12-31T23:59:59.999Z"), from_milliseconds(-1));
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), parse_rfc3339("2017-01-01T00:00:00Z"))
      << "a leap second";
}

TEST(Rfc3339Test, RefusesWhatIsNoTime) {
  for (const std::string_view text : {"",
                                      "2026-11-24",
                                      "2026-11-24T03:54:00",
                                      "2026-11-24T03:54Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-11-31T00:00:00Z",
                                      "2026-11-24T24:00:00Z",
                                      "2026-11-24T03:60:00Z",
                                      "2026-11-24T03:54:61Z",
                                      "2026-11-24T03:54:00Zx",
                                      "2026-11-24T03:54:00+1:00",
                                      "2026-11-24T03:54:00+0100",
                                      "2026-11-24T03:54:00+01:0",
                                      "2026-11-24T03:54:00 Z",
                                      "2026/11/24T03:54:00Z",
                                      "+026-11-24T03:54:00Z",
                                      "2026-11-24T03:54:0xZ",
                                      "2026-11-24T03:54:00,1Z",
                                      "2026-11-24T03:54:00.1",
                                      "2026-11-24T03:54:00.",
                                      "2026-11-24T03:54:00.Z",
                                      "2026-11-24T03:54:00+24:00",
                                      "2026-11-24T03:54:00+01:60",
                                      "2026-11-24T03:54:00+99:99"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339Test, ComesBack) {
  for (std::int64_t at = -4'000'000'000'000; at < 8'000'000'000'000; at += 7'654'321'987) {
    EXPECT_EQ(parse_rfc3339(format_rfc3339(from_milliseconds(at))), from_milliseconds(at));
    EXPECT_EQ(to_milliseconds(from_milliseconds(at)), at);
  }
}

TEST(SystemClockTest, StopsWaitingWhenToldTo) {
  std::stop_source stop;
  bool passed = true;
  std::jthread waiting([&] { passed = system_clock().wait_for(24h, stop.get_token()); });
  stop.request_stop();
  waiting.join();  // A clock that ignored the stop would hang here until the test's time limit.
  EXPECT_FALSE(passed);
}

TEST(SystemClockTest, WaitsAndGoesForward) {
  const auto before = system_clock().uptime();
  EXPECT_TRUE(system_clock().wait_for(5ms, {}));
  EXPECT_GE(system_clock().uptime() - before, 5ms);
  EXPECT_GT(system_clock().now(), parse_rfc3339("2024-01-01T00:00:00Z"));
}

// The fake must keep the promises of the real one.
TEST(FakeClockTest, WaitsUntilTimeIsMovedOrStopped) {
  FakeClock clock;
  const Time start = clock.now();
  std::stop_source stop;
  bool passed = true;
  {
    std::jthread waiting([&] { passed = clock.wait_for(24h, stop.get_token()); });
    stop.request_stop();
  }
  EXPECT_FALSE(passed);
  passed = false;
  {
    std::jthread waiting([&] { passed = clock.wait_for(1h, {}); });
    while (clock.waited() < 25h) std::this_thread::yield();
    clock.advance(1h);
  }
  EXPECT_TRUE(passed);
  EXPECT_EQ(clock.now() - start, 1h);
  EXPECT_EQ(clock.uptime(), 1h);
  clock.set_auto_advance(true);
  EXPECT_TRUE(clock.wait_for(2h, {}));
  EXPECT_EQ(clock.now() - start, 3h);
}

}  // namespace
}  // namespace kopial
