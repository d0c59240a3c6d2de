// Every one of the first 500 syncs fails once: of the log, of files and folders, in the store and in the index.
//
// KOPIAL_FAULT_SYNC_STEP (23): each how-manieth sync fails. The long run takes 1.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "storage/crypto/digest.h"
#include "tests/faults/cycles.h"
#include "tests/faults/syncs.h"
#include "tests/faults/workload.h"
#include "tests/support/support.h"

namespace kopial::faults {
namespace {

constexpr int kSyncs = 500;

struct Trial {
  Ledger ledger;
  std::uint64_t acknowledged_after = 0;  // by the store, after one of its syncs had failed
};

// Archives, erases, indexes and compacts until something fails or everything is done. `stubborn` is the known-bad control: it takes a failed
// write for a good one.
void work(const std::filesystem::path& folder, Trial& run, bool stubborn) {
  auto opened = open(folder);
  if (!opened) return;
  std::uint64_t failed_at = 0;
  for (std::uint64_t number = 1; number <= 420; ++number) {
    run.ledger.note('a', number);
    Batch batch;
    batch.messages = {intake_of(number)};
    const bool done = opened->store->archive(std::move(batch)).ok();
    if (done || stubborn) {
      if (sync_has_failed()) ++run.acknowledged_after;
      run.ledger.note('A', number);
    }
    if (number % 9 == 0) {
      const auto gone = number - 4;
      const auto id = sha256(letter(gone));
      const auto serial = opened->store->serial_of(id);
      if (serial && *serial) {
        run.ledger.note('e', gone);
        if (opened->store->erase({{**serial, {id}}})) {
          if (sync_has_failed()) ++run.acknowledged_after;
          run.ledger.note('E', gone);
        }
      }
    }
    if (number % 60 == 0) (void)opened->index->catch_up({});
    if (number % 200 == 0) (void)opened->store->compact();
    // Four more attempts after the failure, then the restart. What failed itself may well be there afterwards: it was written, and not synced.
    if (sync_has_failed() && failed_at == 0) failed_at = number;
    if (failed_at != 0 && number >= failed_at + 4) return;
  }
}

class SyncErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    initialise();
    reset_syncs();
  }
  void TearDown() override { reset_syncs(); }
};

TEST_F(SyncErrorsTest, NothingIsAcknowledgedAfterOneAndARestartMendsIt) {
  const int step = cycles("KOPIAL_FAULT_SYNC_STEP", 23);
  int struck = 0;
  for (int at = 0; at < kSyncs; at += step) {
    TemporaryFolder folder;
    Trial run;
    watch_syncs_below((folder.path() / "store").string());
    fail_syncs_after(static_cast<std::uint64_t>(at));
    work(folder.path(), run, false);
    struck += sync_has_failed() ? 1 : 0;
    reset_syncs();
    EXPECT_EQ(run.acknowledged_after, 0u) << "sync " << at << " failed, and then something was acknowledged";
    auto opened = open(folder.path());
    ASSERT_TRUE(opened) << "sync " << at << ": " << opened.error().message;
    for (const auto& finding : compare(*opened, run.ledger)) ADD_FAILURE() << "sync " << at << ": " << finding;
    Batch batch;
    batch.messages = {intake_of(9'999)};
    EXPECT_TRUE(opened->store->archive(std::move(batch))) << "sync " << at << ": no mail is taken after the restart";
    if (HasFailure()) return;
  }
  fmt::print("{} syncs of the store failed, one at a time\n", struck);
  EXPECT_EQ(struck, (kSyncs + step - 1) / step) << "the work does not sync 500 times";
}

TEST_F(SyncErrorsTest, OfTheIndexCostTheStoreNothing) {
  const int step = cycles("KOPIAL_FAULT_SYNC_STEP", 23);
  for (int at = 0; at < 40; at += std::max(1, step / 4)) {
    TemporaryFolder folder;
    Trial run;
    watch_syncs_below((folder.path() / "index").string());
    fail_syncs_after(static_cast<std::uint64_t>(at));
    work(folder.path(), run, false);
    reset_syncs();
    auto opened = open(folder.path());
    ASSERT_TRUE(opened) << "sync " << at << ": " << opened.error().message;
    for (const auto& finding : compare(*opened, run.ledger)) ADD_FAILURE() << "sync " << at << " of the index: " << finding;
    if (HasFailure()) return;
  }
}

TEST_F(SyncErrorsTest, ControlThatTakesAFailedWriteForAGoodOneIsFound) {
  TemporaryFolder folder;
  Trial run;
  watch_syncs_below((folder.path() / "store").string());
  fail_syncs_after(100);
  work(folder.path(), run, true);
  ASSERT_TRUE(sync_has_failed());
  reset_syncs();
  EXPECT_GT(run.acknowledged_after, 0u);
  auto opened = open(folder.path());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_FALSE(compare(*opened, run.ledger).empty());
}

}  // namespace
}  // namespace kopial::faults
