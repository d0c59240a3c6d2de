#include "server/http/byte_range.h"

#include <gtest/gtest.h>

namespace kopial::http {
namespace {

constexpr std::string_view kTag = "\"tag\"";

std::optional<ByteRange> asked(const std::string& range, std::uint64_t total = 1000, const std::string& if_range = "") {
  Request request;
  request.headers.emplace_back("range", range);
  if (!if_range.empty()) request.headers.emplace_back("if-range", if_range);
  return requested_range(request, total, kTag);
}
void expect(const std::string& range, std::uint64_t offset, std::uint64_t size, bool partial, std::uint64_t total = 1000) {
  const auto got = asked(range, total);
  ASSERT_TRUE(got) << range;
  EXPECT_EQ(got->offset, offset) << range;
  EXPECT_EQ(got->size, size) << range;
  EXPECT_EQ(got->partial, partial) << range;
}

TEST(ByteRangeTest, ReadsOneRange) {
  expect("bytes=0-99", 0, 100, true);
  expect("bytes=500-", 500, 500, true);
  expect("bytes=990-5000", 990, 10, true);
  expect("bytes=-100", 900, 100, true);
  expect("bytes=-5000", 0, 1000, true);
  expect("bytes=999-999", 999, 1, true);
}

TEST(ByteRangeTest, SendsAllForWhatItDoesNotUnderstand) {
  for (const char* range : {"bytes=0-1,5-6", "lines=1-2", "bytes=9-3", "bytes=x-3", "bytes=", "bytes=-", "bytes=1-99999999999999999999999", ""}) {
    expect(range, 0, 1000, false);
  }
}

TEST(ByteRangeTest, RefusesARangeBehindTheEnd) {
  EXPECT_FALSE(asked("bytes=1000-"));
  EXPECT_FALSE(asked("bytes=-0"));
  EXPECT_FALSE(asked("bytes=0-", 0));
  const auto response = ranged_response(asked("bytes=1000-"), 1000, kTag, "id");
  EXPECT_EQ(response.status, 416);
  EXPECT_EQ(response.headers.back(), (std::pair<std::string, std::string>("content-range", "bytes */1000")));
}

TEST(ByteRangeTest, SendsAllWhenTheRangeWasMeantForOtherBytes) {
  EXPECT_TRUE(asked("bytes=0-9", 1000, std::string(kTag))->partial);
  EXPECT_FALSE(asked("bytes=0-9", 1000, "\"other\"")->partial);
}

}  // namespace
}  // namespace kopial::http
