// The generator keeps its promises: the same seed gives the same bytes, another seed others, and the set is like the corpus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "storage/base/files.h"
#include "storage/mail/message_view.h"
#include "tests/bench/figures.h"
#include "tests/bench/generated_set.h"
#include "tests/bench/random.h"
#include "tests/bench/rewriter.h"
#include "tests/support/support.h"

namespace kopial::bench {
namespace {

class GenerateTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    initialise_mail();
    const auto shared = shared_folder();
    if (!shared) return;
    auto read = read_corpus(*shared / "corpus", true);
    ASSERT_TRUE(read.ok()) << read.error().message;
    corpus_ = new Corpus(*std::move(read));
  }
  static void TearDownTestSuite() {
    delete corpus_;
    corpus_ = nullptr;
  }
  void SetUp() override {
    if (corpus_ == nullptr) GTEST_SKIP() << "NOT CHECKED: the shared corpus is not here (KOPIAL_SHARED says where it is)";
  }

  std::filesystem::path made(const std::string& name, Profile profile, std::size_t messages, std::uint64_t seed) {
    const auto out = folder_.path() / name;
    const auto done = generate(*corpus_, {profile, messages, 5, seed}, out);
    EXPECT_TRUE(done.ok()) << done.error().message;
    EXPECT_EQ(done ? done->files : 0, messages);
    return out;
  }
  // One number for all names and bytes below a folder.
  static std::uint64_t digest(const std::filesystem::path& folder) {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      sum += mix(hash_bytes(entry.path().lexically_relative(folder).string()), hash_bytes(*read_file(entry.path(), 1 << 30)));
    }
    return sum;
  }

  static Corpus* corpus_;
  TemporaryFolder folder_;
};
Corpus* GenerateTest::corpus_ = nullptr;

TEST_F(GenerateTest, TheSeedDecidesEveryByte) {
  for (const auto profile : {Profile::list, Profile::corporate}) {
    const std::string name = profile == Profile::list ? "list" : "corporate";
    const auto first = digest(made(name + "1", profile, 300, 7));
    EXPECT_EQ(digest(made(name + "2", profile, 300, 7)), first);
    EXPECT_NE(digest(made(name + "3", profile, 300, 8)), first);
  }
}

TEST_F(GenerateTest, ListMailIsLikeTheCorpus) {
  const std::vector<std::size_t> steps{500, 1'000, 2'000};
  const auto set = measure_maildirs(made("set", Profile::list, 2'000, 1), steps);
  ASSERT_TRUE(set.ok()) << set.error().message;
  const auto real = measure_corpus(*corpus_, steps);
  SCOPED_TRACE(compare(*set, real));
  const auto near = [](double value, double tolerance) {
    return testing::AllOf(testing::Ge(value * (1 - tolerance)), testing::Le(value * (1 + tolerance)));
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_THAT(static_cast<double>(set->words[i].second), near(static_cast<double>(real.words[i].second), 0.25)) << steps[i];
  }
  EXPECT_THAT(set->words_each, near(real.words_each, 0.15));
  EXPECT_THAT(set->mean, near(real.mean, 0.2));
  EXPECT_THAT(set->p50, near(real.p50, 0.15));
  EXPECT_THAT(set->p90, near(real.p90, 0.25));
  EXPECT_THAT(set->p99, near(real.p99, 0.4));
  EXPECT_THAT(set->replies, near(real.replies, 0.1));
  EXPECT_THAT(set->references, near(real.references, 0.2));
  EXPECT_THAT(set->parts, near(real.parts, 0.15));
  EXPECT_EQ(set->defective, 0U);
}

TEST_F(GenerateTest, CorporateMailIsLikeThePublishedFigures) {
  const auto set = measure_maildirs(made("set", Profile::corporate, 2'000, 3), {1'000});
  ASSERT_TRUE(set.ok()) << set.error().message;
  SCOPED_TRACE(compare(*set, *set));
  EXPECT_THAT(set->mean, testing::AllOf(testing::Ge(60'000), testing::Le(90'000)));
  EXPECT_THAT(set->attached, testing::AllOf(testing::Ge(0.2), testing::Le(0.3)));
  EXPECT_THAT(set->unique_bytes, testing::AllOf(testing::Ge(0.4), testing::Le(0.6)));
  EXPECT_THAT(static_cast<double>(set->distinct_ids) / 2'000, testing::AllOf(testing::Ge(0.5), testing::Le(0.7)));
  EXPECT_EQ(set->defective, 0U);
}

TEST_F(GenerateTest, EveryPassHasItsOwnBytesAndIds) {
  const Rewriter rewriter(*corpus_, 1);
  const auto& mail = corpus_->mails[corpus_->mails.size() / 2];
  EXPECT_NE(rewriter.message(mail, 0), rewriter.message(mail, 1));
  const auto id = [&](unsigned epoch) { return rewriter.vocabulary().new_id("20190702120112.GA19890@host.example", epoch); };
  EXPECT_NE(id(0), id(1));
  EXPECT_EQ(id(1), id(1));
  EXPECT_TRUE(id(1).ends_with("@host.example"));
  EXPECT_GT(rewriter.vocabulary().exponent(), 0.4);
  EXPECT_LT(rewriter.vocabulary().exponent(), 0.95);
}

TEST(ShiftDates, MovesEveryDateAndKeepsTheRest) {
  EXPECT_EQ(shift_dates(" Tue,  2 Jul 2019 20:01:13 +0800", -86'400), " Mon,  1 Jul 2019 20:01:13 +0800");
  EXPECT_EQ(shift_dates("x; 31 Dec 2019 23:59:59 +0000 (UTC)", 1), "x; 01 Jan 2020 00:00:00 +0000 (UTC)");
  EXPECT_EQ(shift_dates("no date 2 Foo 2019 20:01:13", 5), "no date 2 Foo 2019 20:01:13");
  EXPECT_EQ(shift_dates("1 Jan", 5), "1 Jan");
}

TEST(QuotedPrintable, KeepsLinesAndEscapes) {
  EXPECT_EQ(quoted_printable("a=b \r\n\xc3\xa4\n", "\n"), "a=3Db=20\n=C3=A4\n");
  EXPECT_EQ(quoted_printable(std::string(80, 'x'), "\n"), std::string(75, 'x') + "=\n" + std::string(5, 'x'));
}

}  // namespace
}  // namespace kopial::bench
