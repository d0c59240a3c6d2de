// A process that archives, erases, indexes and compacts is killed at a random moment, again and again. After each kill the store is opened
// and compared with what the process had acknowledged.
//
// KOPIAL_FAULT_KILLS (60): how many kills. The long run takes 2000.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "tests/faults/cycles.h"
#include "tests/faults/process.h"
#include "tests/faults/workload.h"
#include "tests/support/support.h"

namespace kopial::faults {
namespace {

constexpr int kKillsOfOneStore = 20;  // then a fresh one: comparing takes as long as the store is large

class KillsTest : public ::testing::Test {
 protected:
  // Findings of `kills` kills; stops at the first that has any.
  std::vector<std::string> kill_often(int kills, const std::string& control) {
    std::mt19937_64 random(::testing::UnitTest::GetInstance()->random_seed());
    std::unique_ptr<TemporaryFolder> folder;
    Ledger ledger;
    std::uint64_t next = 1;
    for (int i = 0; i < kills; ++i) {
      if (i % kKillsOfOneStore == 0) {
        acknowledged_ += ledger.acknowledged();
        folder = std::make_unique<TemporaryFolder>();
        ledger = Ledger();
        next = 1;
      }
      Process child({KOPIAL_FAULT_CHILD, folder->path().string(), fmt::to_string(next), control});
      // Also in the middle of opening: a few kills come before the first word.
      const bool early = i % 10 == 9;
      if (!early && !child.wait_for_output(1 + random() % 2000)) return {fmt::format("the process ended by itself with {}", (child.kill(), child.exit_code()))};
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));  // The moment is the subject.
      ledger.read(child.kill());
      if (!ledger.fates().empty()) next = ledger.fates().rbegin()->first + 1;
      auto opened = open(folder->path());
      if (!opened) return {fmt::format("after kill {} the store does not open: {}", i + 1, opened.error().message)};
      auto findings = compare(*opened, ledger);
      for (auto& finding : compare_backups(folder->path())) findings.push_back(std::move(finding));
      if (!findings.empty()) {
        findings.insert(findings.begin(), fmt::format("after kill {}:", i + 1));
        return findings;
      }
    }
    acknowledged_ += ledger.acknowledged();
    return {};
  }
  std::uint64_t acknowledged_ = 0;
};

TEST_F(KillsTest, LoseNothingAcknowledged) {
  initialise();
  const int kills = cycles("KOPIAL_FAULT_KILLS", 60);
  const auto findings = kill_often(kills, "");
  for (const auto& finding : findings) ADD_FAILURE() << finding;
  fmt::print("{} kills, {} deeds acknowledged: {}\n", kills, acknowledged_, findings.empty() ? "all true" : "NOT all true");
  EXPECT_GT(acknowledged_, static_cast<std::uint64_t>(kills)) << "hardly anything happened between the kills";
}

// Known-bad controls: each breaks a promise, and must be found.
TEST_F(KillsTest, ControlThatAcknowledgesBeforeItWritesIsFound) {
  initialise();
  const auto findings = kill_often(20, "early");
  ASSERT_FALSE(findings.empty());
  EXPECT_NE(fmt::format("{}", fmt::join(findings, "\n")).find("acknowledged and is lost"), std::string::npos) << findings.back();
}

TEST_F(KillsTest, ControlThatArchivesTwiceIsFound) {
  initialise();
  EXPECT_FALSE(kill_often(10, "twice").empty());
}

TEST_F(KillsTest, ControlThatErasesInSilenceIsFound) {
  initialise();
  EXPECT_FALSE(kill_often(20, "deaf").empty());
}

}  // namespace
}  // namespace kopial::faults
