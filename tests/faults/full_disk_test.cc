// A small real file system that fills up: mail is refused with the right answer, reading goes on, and intake goes on by itself when there
// is room again.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "storage/crypto/digest.h"
#include "tests/faults/workload.h"
#include "tests/support/support.h"

namespace kopial::faults {
namespace {

class FullDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    initialise();
    if (::geteuid() != 0) GTEST_SKIP() << "NO DISK WAS FILLED: only root may mount";
    if (::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=64m") != 0) GTEST_SKIP() << "NO DISK WAS FILLED: tmpfs cannot be mounted here";
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  TemporaryFolder folder_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, PausesIntakeAndGoesOnByItself) {
  auto opened = open(folder_.path() / "tenant");
  ASSERT_TRUE(opened) << opened.error().message;
  auto& store = *opened->store;
  Ledger ledger;
  std::uint64_t number = 0, refused = 0;
  for (int round = 0; round < 3; ++round) {
    const auto ballast = folder_.path() / "ballast";
    while (true) {
      ledger.note('a', ++number);
      Batch batch;
      batch.messages = {intake_of(number)};
      const auto done = store.archive(std::move(batch));
      if (!done) {
        EXPECT_EQ(done.error().code, ErrorCode::disk_full) << done.error().message;
        ++refused;
        break;
      }
      ledger.note('A', number);
      if (number % 50 == 0) std::ofstream(ballast, std::ios::app | std::ios::binary) << std::string(8 << 20, 'x');
      ASSERT_LT(number, 20'000u) << "the disk does not fill up";
    }
    EXPECT_TRUE(store.raw(sha256(letter(1))).value()) << "reading goes on";
    EXPECT_FALSE(store.archive({})->messages.size()) << "nothing to write is no error";
    std::filesystem::remove(ballast);
    ledger.note('a', number);
    Batch batch;
    batch.messages = {intake_of(number)};
    const auto again = store.archive(std::move(batch));
    ASSERT_TRUE(again) << "by itself, without a restart: " << again.error().message;
    ledger.note('A', number);
  }
  EXPECT_EQ(refused, 3u);
  for (const auto& finding : compare(*opened, ledger)) ADD_FAILURE() << finding;
}

}  // namespace
}  // namespace kopial::faults
