#include "server/archiving/blocked_times.h"

#include <gtest/gtest.h>

namespace kopial {
namespace {

Time at(const char* text) { return parse_rfc3339(text).value(); }

// 2026-11-23 is a Monday.
TEST(BlockedTimesTest, BlocksWhatItSaysAndNothingElse) {
  struct Case {
    std::vector<std::string> entries;
    const char* time;
    bool blocked;
  };
  const Case cases[] = {
      {{"mon-fri 08:00-18:00"}, "2026-11-23T07:59:59Z", false}, {{"mon-fri 08:00-18:00"}, "2026-11-23T08:00:00Z", true},
      {{"mon-fri 08:00-18:00"}, "2026-11-27T17:59:59Z", true},  {{"mon-fri 08:00-18:00"}, "2026-11-27T18:00:00Z", false},
      {{"mon-fri 08:00-18:00"}, "2026-11-28T12:00:00Z", false}, {{"22:00-02:00"}, "2026-11-24T01:59:00Z", true},
      {{"22:00-02:00"}, "2026-11-24T02:00:00Z", false},         {{"sat 22:00-02:00"}, "2026-11-29T01:00:00Z", true},
      {{"sat 22:00-02:00"}, "2026-11-28T01:00:00Z", false},     {{"sat,sun 00:00-24:00"}, "2026-11-29T23:59:00Z", true},
      {{"fri-mon 10:00-11:00"}, "2026-11-29T10:30:00Z", true},  {{"fri-mon 10:00-11:00"}, "2026-11-25T10:30:00Z", false},
      {{}, "2026-11-25T10:30:00Z", false},
  };
  for (const auto& one : cases) {
    auto times = BlockedTimes::parse(one.entries);
    ASSERT_TRUE(times);
    EXPECT_EQ(times->contains(at(one.time)), one.blocked) << one.time;
  }
}

TEST(BlockedTimesTest, SaysWhenItEnds) {
  auto times = BlockedTimes::parse({"mon-fri 08:00-18:00", "18:00-19:00"});
  ASSERT_TRUE(times);
  EXPECT_EQ(times->free_from(at("2026-11-23T09:30:30Z")), at("2026-11-23T19:00:00Z"));
  EXPECT_EQ(times->free_from(at("2026-11-23T19:30:30Z")), at("2026-11-23T19:30:30Z"));
}

TEST(BlockedTimesTest, RefusesWhatIsNoTimeAndAWeekWithoutAnyTime) {
  for (const char* wrong : {"", "noon", "08:00", "08:00-08:00", "25:00-26:00", "08:60-09:00", "mon 8:00-9:00", "xyz 08:00-09:00", "24:00-01:00"}) {
    EXPECT_FALSE(BlockedTimes::parse({wrong})) << wrong;
  }
  EXPECT_FALSE(BlockedTimes::parse({"00:00-24:00"}));
}

}  // namespace
}  // namespace kopial
