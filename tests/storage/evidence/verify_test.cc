// What the verifier finds. Every edit of a store that knows its format is found; a store that nobody touched is sound.
//   KOPIAL_EDITS=1000 evidence_tests --gtest_filter='VerifyTest.FindsEveryEdit'     the long version
#include "storage/evidence/verify.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>

#include "storage/crypto/digest.h"
#include "storage/layout.h"
#include "tests/faults/store_editor.h"
#include "tests/storage/evidence/lived_store.h"

namespace kopial {
namespace {

using ::testing::HasSubstr;

using VerifyTest = LivedStoreTest;

TEST_F(VerifyTest, AnUntouchedStoreIsSound) {
  live();
  const auto report = verify();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->findings, ::testing::IsEmpty());
  EXPECT_EQ(report->messages, 246u);
  EXPECT_EQ(report->copies, 252u);
  EXPECT_EQ(report->audit_events, 10u);
  EXPECT_EQ(report->checkpoints, 2u) << "the one given, and the store's own anchor";
}

TEST_F(VerifyTest, WithoutKeysTheTreeIsChecked) {
  live();
  options_of_verify_.key.reset();
  const auto report = verify();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->findings, ::testing::IsEmpty());
  EXPECT_FALSE(report->rows);
}

TEST_F(VerifyTest, AnotherLogsCheckpointIsAFinding) {
  live();
  auto foreign = Ed25519Key::from_seed(Secret(std::string(32, 'x')));
  options_of_verify_.verifier->public_key = foreign->public_key();
  const auto report = verify();
  ASSERT_TRUE(report);
  EXPECT_THAT(report->findings.at(0), HasSubstr("no right signature"));
}

TEST_F(VerifyTest, FindsEveryEdit) {
  live();
  const char* wanted = std::getenv("KOPIAL_EDITS");
  const int edits = wanted != nullptr ? std::atoi(wanted) : 3 * static_cast<int>(EditClass::count);
  const char* given = std::getenv("KOPIAL_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261125;
  auto database = Database::open(folder_.path() / "tenant" / "store", tenant_families(), {});
  ASSERT_TRUE(database) << database.error().message;
  StoreEditor editor(**database, key_, seed);

  std::map<EditClass, int> made;
  int missed = 0;
  for (int i = 0; i < edits; ++i) {
    const auto what = static_cast<EditClass>(i % static_cast<int>(EditClass::count));
    const auto did = editor.edit(what);
    if (did.empty()) {
      --i;  // Nothing to edit in what chance chose; the same class again.
      continue;
    }
    ++made[what];
    const auto report = verify_store(**database, options_of_verify_);
    ASSERT_TRUE(report) << report.error().message;
    if (report->sound()) {
      ++missed;
      ADD_FAILURE() << "not found: edit " << i << " (" << to_string(what) << "): " << did << "; seed " << seed;
    }
    editor.undo();
  }
  // The control: taken back, nothing is wrong; so it was the edits that were found.
  const auto report = verify_store(**database, options_of_verify_);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->findings, ::testing::IsEmpty());
  for (int i = 0; i < static_cast<int>(EditClass::count) && edits >= static_cast<int>(EditClass::count); ++i) {
    EXPECT_GT(made[static_cast<EditClass>(i)], 0) << to_string(static_cast<EditClass>(i));
  }
  std::cout << edits << " edits, " << edits - missed << " found\n";
}

// An erasure takes what leaves say and nothing else: the store stays sound, and nothing of the message is in its entries.
TEST_F(VerifyTest, AStoreWithErasuresIsSound) {
  live();
  reopen();
  const auto whole = store_->serial_of(sha256(mail("message 5"))).value().value();
  const auto moved = store_->serial_of(sha256(mail("message 1"))).value().value();
  ASSERT_TRUE(store_->erase({{whole, {}}, {moved, {}}}));
  // Of two copies the first one, then the other.
  const auto first = sha256(mail_with_attachment("attached 2", noise(5000, 3)));
  const auto partly = store_->serial_of(first).value().value();
  ASSERT_TRUE(store_->erase({{partly, {first}}}));
  auto checked = [&] {
    options_of_verify_.checkpoints = {{"the checkpoint", checkpoint_}, {"the newest", store_->evidence().checkpoint().value()}};
    check();
    close();
    const auto report = verify();
    EXPECT_TRUE(report) << report.error().message;
    if (report) {
      EXPECT_THAT(report->findings, ::testing::IsEmpty());
    }
    reopen();
    return report ? report->erased_leaves : 0;
  };
  const auto after_one = checked();
  EXPECT_GT(after_one, 3u);
  ASSERT_TRUE(store_->erase({{partly, {}}}));
  EXPECT_GT(checked(), after_one);
  for (std::uint64_t leaf = 0; leaf < store_->evidence().status().size; ++leaf) {
    const auto entry = store_->evidence().entry(leaf).value().value();
    EXPECT_EQ(entry.canonical.find(Bytes(first.view())), Bytes::npos) << leaf;
    EXPECT_EQ(entry.canonical.find(Bytes(sha256(mail("message 5")).view())), Bytes::npos) << leaf;
  }
}

TEST_F(VerifyTest, ABackupIsHeldAgainstTheCheckpointItStandsAt) {
  live();
  reopen();
  BackupOptions backup;
  backup.folder = folder_.path() / "backups";
  const auto record = store_->backup(backup);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_TRUE(open_checkpoint(record->checkpoint, store_->evidence().status().verifier));
  close();
  ASSERT_TRUE(restore_backup(backup.folder, record->id, key_, folder_.path() / "restored", {}));
  const auto report = verify_folder(folder_.path() / "restored", options_of_verify_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->findings, ::testing::IsEmpty());
}

TEST_F(VerifyTest, WithoutACheckpointARebuiltTreeWouldPass) {
  // The control of the checkpoint itself: a store that was rewritten from its first leaf is in perfect order by itself.
  live();
  options_of_verify_.checkpoints.clear();
  options_of_verify_.verifier.reset();
  auto database = Database::open(folder_.path() / "tenant" / "store", tenant_families(), {});
  ASSERT_TRUE(database);
  StoreEditor editor(**database, key_, 7);
  ASSERT_FALSE(editor.edit(EditClass::audit_gone).empty());
  const auto report = verify_store(**database, options_of_verify_);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->sound()) << report->findings.at(0);
}

}  // namespace
}  // namespace kopial
