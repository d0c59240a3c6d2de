// Time-stamps, against `openssl ts` as the authority.
#include "storage/evidence/timestamps.h"

#include <gtest/gtest.h>

#include "storage/crypto/digest.h"
#include "tests/doubles/timestamping/authority.h"

namespace kopial {
namespace {

class TimestampsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!AuthorityDouble::can_be()) GTEST_SKIP() << "NO TIME STAMP WAS TESTED: there is no openssl program to play the authority";
    authority_ = std::make_unique<AuthorityDouble>();
    ca_ = authority_->ca_pem();
  }
  Bytes stamp(BytesView request) { return authority_->stamp(request); }
  std::unique_ptr<Timestamps> open() {
    TimestampsOptions options;
    options.trusted_pem = ca_;
    auto opened = Timestamps::open(folder_.path() / "timestamps", options);
    EXPECT_TRUE(opened);
    return *std::move(opened);
  }
  static Time now() { return system_clock().now(); }

  TemporaryFolder folder_;
  std::unique_ptr<AuthorityDouble> authority_;
  std::string ca_;
};

TEST_F(TimestampsTest, AStampIsOfItsDigestAndOfATrustedAuthority) {
  const auto digest = sha256("a checkpoint");
  const Bytes nonce = "\x11 nonce!";
  const auto response = stamp(timestamp_request(digest, nonce));
  const auto read = read_timestamp(response, digest, nonce, ca_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_LT(std::chrono::abs(read->at - now()), std::chrono::minutes(5));
  ASSERT_TRUE(read->valid_until);
  EXPECT_GT(*read->valid_until - now(), std::chrono::hours(24 * 300));
  EXPECT_FALSE(read_timestamp(response, sha256("another"), nonce, ca_));
  EXPECT_FALSE(read_timestamp(response, digest, "\x12 nonce!", ca_)) << "an older answer";
  auto changed = response;
  changed[changed.size() - 20] = static_cast<char>(changed[changed.size() - 20] ^ 1);
  EXPECT_FALSE(read_timestamp(changed, digest, nonce, ca_));
  EXPECT_FALSE(read_timestamp("nonsense", digest, nonce, ca_));
}

TEST_F(TimestampsTest, OneIsDueADayAndStaysAfterARestart) {
  auto stamps = open();
  const auto due = stamps->due(10, "note of 10\n", now());
  ASSERT_TRUE(due);
  const auto kept = stamps->keep(*due, stamp(due->request));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_FALSE(stamps->due(10, "note of 10\n", now() + std::chrono::hours(48))) << "nothing new to stamp";
  EXPECT_FALSE(stamps->due(11, "note of 11\n", now()));
  EXPECT_TRUE(stamps->due(11, "note of 11\n", now() + std::chrono::hours(25)));
  stamps = open();
  ASSERT_TRUE(stamps->newest());
  EXPECT_EQ(stamps->newest()->size, 10u);
  EXPECT_FALSE(stamps->due(11, "note of 11\n", now()));
}

TEST_F(TimestampsTest, AWrongAnswerIsDueAgain) {
  auto stamps = open();
  const auto due = stamps->due(10, "note of 10\n", now());
  ASSERT_TRUE(due);
  EXPECT_FALSE(stamps->keep(*due, "not a stamp"));
  EXPECT_TRUE(stamps->due(10, "note of 10\n", now()));
}

TEST_F(TimestampsTest, AStampIsStampedAgainBeforeItsCertificateEnds) {
  authority_->certificate(30);
  auto stamps = open();
  const auto first = stamps->due(10, "note of 10\n", now());
  ASSERT_TRUE(first);
  ASSERT_TRUE(stamps->keep(*first, stamp(first->request)));
  const auto again = stamps->due(10, "note of 10\n", now());
  ASSERT_TRUE(again) << "thirty days are fewer than sixty";
  EXPECT_EQ(again->number, 1u);
  EXPECT_NE(again->digest, first->digest) << "it covers the stamp before it";
  authority_->certificate(365);
  ASSERT_TRUE(stamps->keep(*again, stamp(again->request)));
  EXPECT_FALSE(stamps->due(10, "note of 10\n", now()));
  stamps = open();
  EXPECT_EQ(stamps->newest()->number, 1u);
}

}  // namespace
}  // namespace kopial
