#include "storage/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "storage/base/ids.h"

namespace kopial {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::invalid, "odd"};
  return number / 2;
}

TEST(ResultTest, HoldsAValueOrAnError) {
  const auto good = half(8);
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 4);
  EXPECT_EQ(good.value(), 4);
  const auto bad = half(7);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error(), (Error{ErrorCode::invalid, "odd"}));
}

TEST(ResultTest, HoldsAnErrorAsNothingElse) {
  const Result<void> fine;
  EXPECT_TRUE(fine.ok());
  const Result<void> failed = Error{ErrorCode::disk_full, "no room"};
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::disk_full);
}

TEST(ResultTest, GivesItsValueAway) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(7);
  const std::unique_ptr<int> mine = *std::move(made);
  ASSERT_TRUE(mine);
  EXPECT_EQ(*mine, 7);
}

// "A broken precondition ends the process": it must never give an uninitialised value.
TEST(ResultTest, RefusesTheValueOfAFailure) {
  EXPECT_THROW((void)half(7).value(), std::bad_variant_access);
  EXPECT_THROW((void)half(8).error(), std::bad_variant_access);
}

TEST(ErrorTest, SaysWhereItHappened) {
  const Error error{ErrorCode::unavailable, "no route"};
  EXPECT_EQ(error.with_context("reading cursor"),
            (Error{ErrorCode::unavailable, "reading cursor: no route"}));
}

TEST(ErrorTest, NamesEveryCodeOnce) {
  constexpr ErrorCode kAll[] = {
      ErrorCode::invalid,   ErrorCode::unauthenticated, ErrorCode::denied,
      ErrorCode::not_found, ErrorCode::conflict,        ErrorCode::held,
      ErrorCode::too_large, ErrorCode::rate_limited,    ErrorCode::unavailable,
      ErrorCode::disk_full, ErrorCode::corrupt,         ErrorCode::timeout,
      ErrorCode::cancelled, ErrorCode::internal};
  std::set<std::string_view> names;
  for (const ErrorCode code : kAll) {
    const auto name = to_string(code);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << name;
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::internal) + 1)
      << "a new code is missing in this table";
}

TEST(DigestTest, ComesBackFromHexAndBytes) {
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i)
    digest.bytes[i] = static_cast<std::uint8_t>(i * 8 + 1);
  EXPECT_EQ(digest.hex().size(), 64u);
  EXPECT_EQ(digest.hex().substr(0, 8), "01091119");
  EXPECT_EQ(Digest::from_hex(digest.hex()), digest);
  EXPECT_EQ(Digest::from_bytes(digest.view()), digest);
  EXPECT_NE(Digest{}, digest);
}

TEST(DigestTest, RefusesAnyOtherLength) {
  const std::string hex(64, 'a');
  EXPECT_TRUE(Digest::from_hex(hex));
  EXPECT_TRUE(Digest::from_hex(std::string(64, 'A')));
  EXPECT_FALSE(Digest::from_hex(hex.substr(2)));
  EXPECT_FALSE(Digest::from_hex(hex.substr(1)));
  EXPECT_FALSE(Digest::from_hex(hex + "aa"));
  EXPECT_FALSE(Digest::from_hex(hex.substr(1) + "g"));
  EXPECT_FALSE(Digest::from_hex(""));
  EXPECT_FALSE(Digest::from_bytes(std::string(31, 'x')));
  EXPECT_FALSE(Digest::from_bytes(std::string(33, 'x')));
}

}  // namespace
}  // namespace kopial
