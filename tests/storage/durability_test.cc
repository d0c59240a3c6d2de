// What a failing, full or lying disk can and cannot do to a tenant's store.
#include <gtest/gtest.h>

#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

class DurabilityTest : public StoreTest {
 protected:
  void SetUp() override {
    options_.env = disk_.env();
    StoreTest::SetUp();
  }
  void TearDown() override { close(); }  // Before the disk goes.

  void lose_power() {
    close();
    disk_.lose_power();
    reopen();
  }
  // A batch that touches everything: bytes, placement, seen, change, cursor.
  Batch batch(int number) {
    Batch made;
    made.messages = {intake(content(number), "Inbox", item(number))};
    made.cursors = {{cursor_, std::to_string(number)}};
    return made;
  }
  static Bytes content(int number) {
    return mail_with_attachment(fmt::format("message {}", number),
                                noise(6'000, static_cast<std::uint64_t>(number) + 1));
  }
  static std::string item(int number) { return fmt::format("item-{}", number); }
  bool is_kept(int number) {
    const auto found = store_->raw(sha256(content(number)));
    EXPECT_TRUE(found) << found.error().message;
    if (found && *found) {
      EXPECT_EQ(**found, content(number));
    }
    return found && found->has_value();
  }
  // Expects all of a batch to be there, or nothing; answers which.
  bool is_whole(int number) {
    const bool kept = is_kept(number);
    EXPECT_EQ(store_->seen(seen_key(item(number))).value().has_value(), kept) << number;
    EXPECT_EQ(store_->cursor(cursor_).value() == std::to_string(number), kept) << number;
    return kept;
  }

  FaultyDisk disk_;
  const CursorKey cursor_{kProfile, "mailbox-1", "Inbox"};
};

TEST_F(DurabilityTest, SyncsBeforeItAcknowledges) {
  for (int i = 0; i < 5; ++i) {
    const auto before = disk_.syncs();
    ASSERT_TRUE(store_->archive(batch(i)));
    EXPECT_GT(disk_.syncs(), before) << "acknowledged without an fsync";
  }
  lose_power();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(is_kept(i)) << "acknowledged, then lost";
  EXPECT_EQ(changes().size(), 5u);
  check();
}

// The known-bad control: a disk that acknowledges an fsync and does nothing loses the message. If
// this message survived, the test's power cut would be none, and the tests here would say nothing.
TEST_F(DurabilityTest, LosesMailOnADiskThatLiesAboutSyncing) {
  ASSERT_TRUE(store_->archive(batch(1)));
  disk_.lie_about_syncs(true);
  ASSERT_TRUE(store_->archive(batch(2)));
  EXPECT_TRUE(is_kept(2));
  lose_power();
  EXPECT_TRUE(is_kept(1)) << "synced before the disk began to lie";
  EXPECT_FALSE(is_kept(2)) << "the power cut forgets what was not synced";
  check();
}

// The disk dies at the first write of a batch, then at the second, and so on until a batch gets
// through. After each crash what was acknowledged is there, what is there is whole, and the change
// log tells of exactly that.
TEST_F(DurabilityTest, SurvivesPowerLossAtEveryWrite) {
  int crashes = 0;
  for (int writes = 0;; ++writes) {
    ASSERT_LT(writes, 1000) << "no batch ever got through";
    const auto before = changes().size();
    disk_.fail_writes_after(static_cast<std::uint64_t>(writes));
    const auto done = store_->archive(batch(writes));
    const bool finished = !disk_.has_failed();
    EXPECT_TRUE(finished || !done) << "acknowledged although write " << writes << " failed";
    lose_power();
    const bool kept = is_whole(writes);
    EXPECT_TRUE(kept || !done) << "acknowledged, then lost, at write " << writes;
    EXPECT_EQ(changes().size(), before + (kept ? 1 : 0));
    check();
    if (finished) break;
    ++crashes;
  }
  EXPECT_GE(crashes, 2) << "a batch is written and synced: two places to die at";
}

// The same while the store opens: replaying its log, flushing, beginning new files.
TEST_F(DurabilityTest, SurvivesPowerLossAtEveryWriteOfOpening) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_->archive(batch(i)));
  int crashes = 0;
  for (int writes = 0;; ++writes) {
    ASSERT_LT(writes, 1000) << "no opening ever got through";
    close();
    disk_.lose_power();
    disk_.fail_writes_after(static_cast<std::uint64_t>(writes));
    (void)open();
    const bool finished = !disk_.has_failed();
    disk_.lose_power();
    reopen();
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(is_kept(i)) << "lost at write " << writes << " of opening";
    EXPECT_EQ(changes().size(), 3u);
    if (finished) break;
    ++crashes;
  }
  EXPECT_GE(crashes, 5);
  check();
}

// DESIGN section 7: a failed fsync is fatal. Nothing is acknowledged any more, reads go on, and a
// restart mends it.
TEST_F(DurabilityTest, TakesNoMoreMailAfterAFailedSync) {
  ASSERT_TRUE(store_->archive(batch(1)));
  disk_.fail_syncs_after(0);
  EXPECT_EQ(store_->archive(batch(2)).error().code, ErrorCode::unavailable);
  const auto again = store_->archive(batch(2));
  ASSERT_FALSE(again) << "retried and acknowledged";
  EXPECT_EQ(again.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(store_->archive(batch(3)));
  EXPECT_FALSE(store_->records().put("kind", "id", "{}")) << "records are written the same way";
  EXPECT_TRUE(is_kept(1)) << "reads go on";
  EXPECT_EQ(store_->totals().value().messages, 1u);
  lose_power();
  EXPECT_TRUE(is_kept(1));
  ASSERT_TRUE(store_->archive(batch(2)));
  EXPECT_TRUE(is_whole(2));
  check();
}

TEST_F(DurabilityTest, RefusesMailBeforeTheDiskIsFullAndGoesOnAfterwards) {
  ASSERT_TRUE(store_->archive(batch(1)));
  disk_.set_room(options_.reserve_bytes - 1);
  EXPECT_EQ(store_->archive(batch(2)).error().code, ErrorCode::disk_full);
  EXPECT_TRUE(is_kept(1));
  EXPECT_FALSE(is_kept(2));
  disk_.set_room_unlimited();
  ASSERT_TRUE(store_->archive(batch(2))) << "by itself, without a restart";
  lose_power();
  EXPECT_TRUE(is_kept(1));
  EXPECT_TRUE(is_whole(2));
  check();
}

// A disk that does not tell how much is free: full is first noticed by a write in the middle of a
// batch.
TEST_F(DurabilityTest, SurvivesADiskThatIsSuddenlyFull) {
  disk_.tell_free_space(false);
  int refused = 0;
  for (std::uint64_t room = 0; room < 20'000; room += 1'000) {
    const int number = static_cast<int>(room);
    disk_.set_room(room);
    const auto done = store_->archive(batch(number));
    if (!done) {
      EXPECT_EQ(done.error().code, ErrorCode::disk_full) << done.error().message;
      ++refused;
    }
    disk_.set_room_unlimited();
    ASSERT_TRUE(store_->archive(batch(number)))
        << "writing goes on by itself, and repeating is harmless";
    EXPECT_TRUE(is_whole(number));
  }
  EXPECT_GE(refused, 5);
  lose_power();
  for (int number = 0; number < 20'000; number += 1'000) EXPECT_TRUE(is_kept(number));
  EXPECT_EQ(changes().size(), 20u);
  check();
}

}  // namespace
}  // namespace kopial
