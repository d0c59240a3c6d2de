// Checkpoints, and what a store does that does not follow from its anchor.
#include <gmock/gmock.h>

#include <fstream>

#include "storage/base/files.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class AnchorTest : public StoreTest {
 protected:
  AnchorTest() { options_.anchoring.checkpoint_every = std::chrono::milliseconds(0); }  // Only when asked.

  fs::path tenant() const { return folder_.path() / "tenant"; }
  fs::path anchor() const { return tenant() / "evidence" / "anchor"; }
  std::string anchored() { return read_file(anchor(), kNoteBytesMax).value(); }
  Evidence& evidence() { return store_->evidence(); }
  // Copies the closed store aside, and back.
  void save(const fs::path& to) { fs::copy(tenant() / "store", folder_.path() / to, fs::copy_options::recursive); }
  void put_back(const fs::path& from) {
    fs::remove_all(tenant() / "store");
    fs::copy(folder_.path() / from, tenant() / "store", fs::copy_options::recursive);
  }
  void expect_refused(std::string_view why) {
    EXPECT_THAT(evidence().status().trouble, HasSubstr(why));
    const auto done = archive({intake(mail("after"))});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::conflict);
    EXPECT_THAT(done.error().message, HasSubstr(why));
    EXPECT_FALSE(evidence().checkpoint()) << "nothing may be signed";
  }
};

TEST_F(AnchorTest, ACheckpointIsOfWhatIsThereAndInItsAnchor) {
  keep(intake(mail("first")));
  const auto note = evidence().checkpoint().value();
  EXPECT_EQ(anchored(), note);
  const auto status = evidence().status();
  const auto opened = open_checkpoint(note, status.verifier);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->size, status.size);
  EXPECT_EQ(opened->root, status.root);
  EXPECT_EQ(evidence().checkpoint().value(), note) << "nothing new, nothing signed";
}

TEST_F(AnchorTest, TheKeyAndTheOriginStay) {
  keep(intake(mail("first")));
  const auto before = evidence().status().verifier.vkey();
  reopen();
  EXPECT_EQ(evidence().status().verifier.vkey(), before);
  EXPECT_EQ(evidence().status().trouble, "");
  keep(intake(mail("second")));
}

TEST_F(AnchorTest, AStopInOrderLeavesNothingUnsigned) {
  keep(intake(mail("first")));
  const auto status = evidence().status();
  close();
  EXPECT_EQ(open_checkpoint(anchored(), status.verifier).value().size, status.size);
}

TEST_F(AnchorTest, SignsByItselfWhileThereIsSomethingNew) {
  options_.anchoring.checkpoint_every = std::chrono::milliseconds(1);
  reopen();
  keep(intake(mail("first")));
  const auto size = evidence().status().size;
  for (int i = 0; i < 10'000 && evidence().status().signed_size < size; ++i) std::this_thread::yield();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (evidence().status().signed_size < size && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(evidence().status().signed_size, size);
}

TEST_F(AnchorTest, AnOlderStoreTakesNoMailAndCanStillBeRead) {
  const auto kept = keep(intake(mail("first")));
  close();
  save("older");
  reopen();
  keep(intake(mail("second")));
  close();
  put_back("older");
  reopen();
  expect_refused("an older store was put in place");
  EXPECT_EQ(store_->raw(kept.copy).value(), mail("first"));
  EXPECT_TRUE(store_->append_audit("{}")) << "looks at mail go on, and go on being recorded";
  reopen();
  expect_refused("");
}

TEST_F(AnchorTest, AStoreWithAnotherHistoryTakesNoMail) {
  keep(intake(mail("first")));
  close();
  save("older");
  const auto before = anchored();
  reopen();
  keep(intake(mail("second")));
  evidence().checkpoint().value();
  close();
  const auto second = anchored();
  put_back("older");
  write_file_durably(anchor(), before).ok();
  fs::remove(tenant() / "evidence" / "high-water");
  reopen();
  keep(intake(mail("another second")));
  keep(intake(mail("and a third")));
  close();
  ASSERT_TRUE(write_file_durably(anchor(), second));
  reopen();
  expect_refused("the store was changed");
}

TEST_F(AnchorTest, ACutTailIsSeenWithoutACheckpoint) {
  keep(intake(mail("first")));
  close();
  save("older");
  const auto before = anchored();
  reopen();
  keep(intake(mail("second")));
  const auto mark = read_file(tenant() / "evidence" / "high-water", 1000).value();
  close();
  put_back("older");
  ASSERT_TRUE(write_file_durably(anchor(), before));  // As if it had been killed before it signed again.
  ASSERT_TRUE(write_file_durably(tenant() / "evidence" / "high-water", mark));
  reopen();
  expect_refused("its newest writes are lost");
}

TEST_F(AnchorTest, AMissingAnchorIsSeen) {
  keep(intake(mail("first")));
  close();
  fs::remove(anchor());
  reopen();
  expect_refused("is missing");
}

TEST_F(AnchorTest, AFurtherAnchorElsewhereCountsToo) {
  options_.anchoring.anchors = {folder_.path() / "elsewhere" / "tenant.anchor"};
  reopen();
  keep(intake(mail("first")));
  close();
  save("older");
  const auto before = anchored();
  reopen();
  keep(intake(mail("second")));
  close();
  put_back("older");  // With everything in the tenant's own folder put right.
  ASSERT_TRUE(write_file_durably(anchor(), before));
  fs::remove(tenant() / "evidence" / "high-water");
  reopen();
  expect_refused("an older store was put in place");
}

TEST_F(AnchorTest, AcceptingBeginsANewBranchOnRecord) {
  keep(intake(mail("first")));
  close();
  save("older");
  reopen();
  keep(intake(mail("second")));
  const auto origin = evidence().status().origin;
  close();
  const auto lost = anchored();
  put_back("older");
  reopen();
  EXPECT_NE(evidence().status().trouble, "");
  ASSERT_TRUE(evidence().accept("anna", "restored after a fire"));
  EXPECT_EQ(evidence().status().trouble, "");
  EXPECT_NE(evidence().status().origin, origin);
  keep(intake(mail("third")));
  const auto note = evidence().checkpoint().value();
  EXPECT_TRUE(open_checkpoint(note, evidence().status().verifier));
  reopen();
  EXPECT_EQ(evidence().status().trouble, "");

  bool on_record = false;
  for (std::uint64_t leaf = 0; leaf < evidence().status().size; ++leaf) {
    const auto entry = decode_entry(evidence().entry(leaf).value()->canonical).value();
    if (entry.kind != EntryKind::branch) continue;
    on_record = true;
    for (const auto* said : {"anna", "restored after a fire"}) EXPECT_THAT(entry.facts.at(0).text, HasSubstr(said));
    EXPECT_THAT(entry.facts.at(0).text, HasSubstr(base64_encode(open_checkpoint(lost, {origin, NoteAlgorithm::ed25519, evidence().status().verifier.public_key})->root.view()).substr(0, 20)));
  }
  EXPECT_TRUE(on_record);
  EXPECT_FALSE(evidence().accept("anna", "again")) << "there is nothing to accept";
}

}  // namespace
}  // namespace kopial
