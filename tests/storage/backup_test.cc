// Backups that count, those that must not, and what comes back from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/flips.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BackupTest : public StoreTest {
 protected:
  BackupRecord back_up(std::size_t keep = 0) {
    BackupOptions options;
    options.folder = backups();
    options.attachment = R"({"name":"Example"})";
    options.keep = keep;
    auto done = store_->backup(options);
    EXPECT_TRUE(done) << done.error().message;
    clock_.advance(std::chrono::hours(24));
    return done ? *done : BackupRecord{};
  }
  fs::path backups() const { return folder_.path() / "backups"; }
  void fill(int from, int to) {
    for (int i = from; i < to; ++i) {
      kept_.push_back(keep(intake(content(i), i % 2 == 0 ? "Inbox" : "Sent", fmt::format("item-{}", i))));
    }
  }
  static Bytes content(int i) { return mail_with_attachment(fmt::format("message {}", i), noise(4'000, static_cast<std::uint64_t>(i % 5) + 1)); }
  // The store from the backup instead of the one that was open.
  Result<BackupRecord> restore(const std::string& id, const std::string& to = "restored") {
    close();
    auto done = restore_backup(backups(), id, key_, folder_.path() / to, {});
    if (!done) return done;
    TenantStoreOptions options = options_;
    options.clock = &clock_;
    auto opened = TenantStore::open(folder_.path() / to, key_, options);
    if (!opened) return opened.error();
    store_ = *std::move(opened);
    return done;
  }
  void expect_messages(int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto raw = store_->raw(sha256(content(i)));
      ASSERT_TRUE(raw) << raw.error().message;
      ASSERT_TRUE(*raw) << i;
      EXPECT_EQ(**raw, content(i));
    }
  }
  std::vector<IntakeOutcome> kept_;
};

TEST_F(BackupTest, GivesBackTheStoreOfItsMoment) {
  fill(0, 40);
  ASSERT_TRUE(store_->records().put("kind", "id", R"({"a":1})"));
  const auto record = back_up();
  EXPECT_EQ(record.messages, 40u);
  EXPECT_EQ(record.last_change, Sequence{40});
  fill(40, 60);
  const auto restored = restore(record.id);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->attachment, R"({"name":"Example"})");
  EXPECT_EQ(store_->totals().value().messages, 40u);
  EXPECT_EQ(store_->records().get("kind", "id").value()->json, R"({"a":1})");
  expect_messages(0, 40);
  check();
  EXPECT_TRUE(keep(intake(mail("after the restore"))).new_message);
}

TEST_F(BackupTest, CopiesOnlyWhatIsNew) {
  fill(0, 180);
  for (std::uint64_t i = 0; i < 20; ++i) keep(intake(mail_with_attachment(fmt::format("large {}", i), noise(60'000, 100 + i))));
  const auto first = back_up();
  EXPECT_EQ(first.new_bytes, first.bytes);
  const auto second = back_up();
  EXPECT_LT(second.new_bytes, first.bytes / 4) << "nothing was archived, and it was copied again";
  fill(180, 190);
  const auto third = back_up();
  EXPECT_LT(third.new_bytes, third.bytes / 2);
  EXPECT_THAT(list_backups(backups(), key_).value(), SizeIs(3));
  for (const auto& record : {first, second, third}) {
    EXPECT_THAT(verify_backup(backups(), record.id, key_, {}).value(), IsEmpty());
  }
  ASSERT_TRUE(restore(first.id, "first"));
  EXPECT_EQ(store_->totals().value().messages, 200u);
  check();
  ASSERT_TRUE(restore(third.id, "third"));
  EXPECT_EQ(store_->totals().value().messages, 210u);
  check();
}

TEST_F(BackupTest, KeepsAsManyAsItIsToldAndNoFilesOfOthers) {
  for (int i = 0; i < 5; ++i) {
    fill(i * 20, i * 20 + 20);
    ASSERT_TRUE(store_->compact());
    back_up(2);
  }
  const auto left = list_backups(backups(), key_).value();
  ASSERT_THAT(left, SizeIs(2));
  EXPECT_EQ(left.back().messages, 100u);
  std::size_t pooled = 0, named = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(backups() / "files")) ++pooled;
  for (const auto& record : left) {
    EXPECT_THAT(verify_backup(backups(), record.id, key_, {}).value(), IsEmpty());
    named += record.files;
  }
  EXPECT_LE(pooled, named);
  ASSERT_TRUE(restore(left.front().id));
  EXPECT_EQ(store_->totals().value().messages, 80u);
}

TEST_F(BackupTest, ThatWasInterruptedDoesNotCountAndHelpsTheNext) {
  fill(0, 100);
  std::stop_source stop;
  BackupOptions options;
  options.folder = backups();
  options.stop = stop.get_token();
  options.progress = [&](const BackupProgress& progress) {
    if (progress.bytes > progress.bytes_total / 2) stop.request_stop();
  };
  const auto stopped = store_->backup(options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_THAT(list_backups(backups(), key_).value(), IsEmpty());
  const auto record = back_up();
  EXPECT_THAT(verify_backup(backups(), record.id, key_, {}).value(), IsEmpty());
  for (const auto& entry : fs::recursive_directory_iterator(backups())) EXPECT_NE(entry.path().extension(), ".part") << entry.path();
}

TEST_F(BackupTest, ThatWasChangedIsNotRestored) {
  fill(0, 60);
  const auto record = back_up();
  Flipper flipper(1);
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const auto flip = flipper.flip_somewhere(backups());
    EXPECT_THAT(verify_backup(backups(), record.id, key_, {}).value(), ::testing::Not(IsEmpty())) << flip.text();
    const auto target = folder_.path() / "target";
    const auto restored = restore_backup(backups(), record.id, key_, target, {});
    EXPECT_FALSE(restored) << flip.text();
    if (!restored) {
      ++refused;
      EXPECT_EQ(restored.error().code, ErrorCode::corrupt) << restored.error().message;
    }
    EXPECT_FALSE(fs::exists(target / "store")) << "half a store was left behind";
    flipper.undo(flip);
  }
  EXPECT_EQ(refused, 40);
  EXPECT_THAT(verify_backup(backups(), record.id, key_, {}).value(), IsEmpty()) << "the control: unchanged it is restored";
  ASSERT_TRUE(restore(record.id));
}

TEST_F(BackupTest, OfAnotherTenantIsNotRestored) {
  fill(0, 3);
  const auto record = back_up();
  const auto restored = restore_backup(backups(), record.id, Secret(std::string(32, 'x')), folder_.path() / "target", {});
  ASSERT_FALSE(restored);
  EXPECT_THAT(restored.error().message, HasSubstr("key"));
}

TEST_F(BackupTest, ErasesAgainWhatWasErasedSince) {
  fill(0, 20);
  // A message of two copies, one of which goes.
  const auto one = keep(intake(mail("words", "one"), "Inbox", "w1"));
  const auto two = keep(intake(mail("words", "two"), "Inbox", "w2"));
  const auto record = back_up();
  ASSERT_TRUE(store_->erase({{kept_[3].serial, {}}, {kept_[7].serial, {}}}));
  ASSERT_TRUE(store_->erase({{one.serial, {two.copy}}}));
  // A message from after the backup, whose serial the restored store gives to somebody else.
  const auto later = keep(intake(mail("later")));
  ASSERT_TRUE(store_->erase({{later.serial, {}}}));
  ASSERT_TRUE(update_backup_journal(folder_.path() / "tenant", backups()));

  ASSERT_TRUE(restore(record.id));
  EXPECT_TRUE(store_->raw(kept_[3].copy).value()) << "the control: the backup still has it";
  const auto other = keep(intake(mail("somebody else")));
  ASSERT_EQ(other.serial, later.serial);
  const auto journal = folder_.path() / "restored" / kNewerErasures;
  const auto replayed = store_->replay_erasures(journal, key_, record.last_message);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(replayed->messages, 2u);
  EXPECT_EQ(replayed->copies, 3u);
  EXPECT_FALSE(store_->raw(kept_[3].copy).value());
  EXPECT_FALSE(store_->raw(kept_[7].copy).value());
  EXPECT_FALSE(store_->raw(two.copy).value());
  EXPECT_TRUE(store_->raw(one.copy).value());
  EXPECT_TRUE(store_->raw(other.copy).value());
  EXPECT_EQ(store_->replay_erasures(journal, key_, record.last_message).value().messages, 0u) << "once";
  check();
}

TEST_F(BackupTest, TheJournalOfErasuresIsBelievedOnlyInItsTenantsHand) {
  fill(0, 3);
  ASSERT_TRUE(store_->erase({{kept_[0].serial, {}}}));
  close();
  const auto journal = folder_.path() / "tenant" / kErasureJournal;
  auto text = read_file(journal, 1 << 20).value();
  // A crash in the middle of a line is no damage …
  ASSERT_TRUE(write_file_durably(journal, text + "erase 2 3"));
  reopen();
  EXPECT_EQ(read_file(journal, 1 << 20).value(), text);
  close();
  // … and a line by somebody else is.
  ASSERT_TRUE(write_file_durably(journal, text + "erase 2 2 00 * 00000000000000000000000000000000\n"));
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
}

// --- scrub and repair

TEST_F(BackupTest, AScrubOfAHealthyStoreFindsNothing) {
  fill(0, 50);
  ASSERT_TRUE(store_->compact());
  const auto report = store_->scrub({}).value();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.damaged, 0u);
  EXPECT_EQ(report.copies, 50u);
  EXPECT_EQ(report.unknown_files, 0u);
  EXPECT_GT(report.file_bytes, 20'000u);
}

TEST_F(BackupTest, AScrubGoesOnWhereItStopped) {
  fill(0, 250);
  std::stop_source stop;
  ScrubOptions options;
  options.stop = stop.get_token();
  options.bytes_per_second = 1ull << 40;
  stop.request_stop();
  auto report = store_->scrub(options).value();
  EXPECT_FALSE(report.complete);
  std::uint64_t files = report.files, copies = report.copies;
  options.stop = {};
  options.position = report.position;
  report = store_->scrub(options).value();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.position, "");
  options.position = "message 200";
  report = store_->scrub(options).value();
  EXPECT_EQ(report.files, 0u);
  EXPECT_EQ(report.copies, 50u);
  (void)files, (void)copies;
}

TEST_F(BackupTest, AScrubNamesWhatIsDamagedAndABackupMendsIt) {
  fill(0, 80);
  ASSERT_TRUE(store_->compact());
  back_up();
  Flipper flipper(2);
  for (int i = 0; i < 12; ++i) {
    const auto flip = flipper.flip_somewhere(folder_.path() / "tenant" / "store", {".sst", ".blob"});
    auto report = store_->scrub({}).value();
    EXPECT_GT(report.damaged, 0u) << flip.text();
    const auto repaired = store_->repair(backups(), {});
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_THAT(repaired->repaired, SizeIs(1)) << flip.text();
    EXPECT_THAT(repaired->lost, IsEmpty());
    report = store_->scrub({}).value();
    EXPECT_EQ(report.damaged, 0u) << flip.text();
    check();
  }
}

TEST_F(BackupTest, WhatNoBackupHasIsSaidToBeLost) {
  fill(0, 30);
  back_up();
  fill(30, 60);
  ASSERT_TRUE(store_->compact());  // Other files than those of the backup.
  Flipper flipper(3);
  const auto flip = flipper.flip_somewhere(folder_.path() / "tenant" / "store", {".blob"});
  const auto report = store_->scrub({}).value();
  ASSERT_GT(report.damaged, 0u);
  const auto repaired = store_->repair(backups(), {});
  ASSERT_TRUE(repaired);
  EXPECT_THAT(repaired->repaired, IsEmpty());
  EXPECT_THAT(repaired->lost, ElementsAre(HasSubstr("no backup has")));
}

}  // namespace
}  // namespace kopial
