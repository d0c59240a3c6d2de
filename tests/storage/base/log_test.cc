#include "storage/base/log.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>
#include <vector>

#include "storage/base/clock.h"

namespace kopial {
namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// What `action` logs, line by line.
template <typename Action>
std::vector<std::string> logged(std::string_view level, std::string_view format, Action action) {
  ::testing::internal::CaptureStderr();
  const auto set_up = set_up_logging(level, format);
  EXPECT_TRUE(set_up);
  action();
  spdlog::default_logger()->flush();
  return lines(::testing::internal::GetCapturedStderr());
}

TEST(LogTest, WritesALineAnEvent) {
  const auto out = logged("info", "text", [] {
    spdlog::debug("too small");
    spdlog::info("one {}", 1);
    spdlog::error("two");
  });
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(parse_rfc3339(out[0].substr(0, out[0].find(' ')))) << out[0];
  EXPECT_TRUE(out[0].ends_with(" info one 1")) << out[0];
  EXPECT_TRUE(out[1].ends_with(" error two")) << out[1];
}

// What a stranger sent may stand in a message: it must not be able to write a line of its own.
TEST(LogTest, KeepsAStrangersLineEndsOut) {
  constexpr std::string_view kForged =
      "user \"x\\\r\n2026-11-24T04:00:00.000Z info signed in\x1b[2J\t";
  const auto text = logged("info", "text", [&] { spdlog::info("refused {}", kForged); });
  ASSERT_EQ(text.size(), 1u) << text[1];
  EXPECT_EQ(text[0].find_first_of("\r\x1b"), std::string::npos);
  const auto json = logged("info", "json", [&] { spdlog::info("refused {}", kForged); });
  ASSERT_EQ(json.size(), 1u);
  const auto event = boost::json::parse(json[0]).as_object();
  EXPECT_EQ(event.at("level").as_string(), "info");
  EXPECT_EQ(event.at("message").as_string(), "refused " + std::string(kForged));
  EXPECT_TRUE(parse_rfc3339(std::string(event.at("time").as_string())));
}

TEST(LogTest, StaysValidJsonWithBytesThatAreNoText) {
  const auto json =
      logged("warn", "json", [] { spdlog::warn("file \xff\xfe\x7f.eml and caf\xc3\xa9"); });
  ASSERT_EQ(json.size(), 1u);
  boost::system::error_code error;
  const auto event = boost::json::parse(json[0], error);
  ASSERT_FALSE(error) << json[0];
  EXPECT_NE(event.as_object().at("message").as_string().find("caf\xc3\xa9"), std::string::npos);
}

TEST(LogTest, RefusesUnknownLevelsAndFormats) {
  for (const char* level : {"trace", "debug", "info", "warn", "error"})
    EXPECT_TRUE(set_up_logging(level, "text")) << level;
  EXPECT_EQ(set_up_logging("loud", "text").error().code, ErrorCode::invalid);
  EXPECT_EQ(set_up_logging("", "text").error().code, ErrorCode::invalid);
  EXPECT_EQ(set_up_logging("info", "xml").error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace kopial
