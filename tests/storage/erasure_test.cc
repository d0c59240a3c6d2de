// What erasing takes, what it leaves, and that the bytes are gone from the disk afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "storage/crypto/digest.h"
#include "tests/storage/store_fixture.h"
#include "tests/storage/stored_values.h"
#include "tests/support/traces.h"

namespace kopial {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ErasureTest : public StoreTest {
 protected:
  ErasureOutcome erase(std::vector<Erasure> erasures) {
    auto done = store_->erase(erasures);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : ErasureOutcome{};
  }
  Bytes attached_ = noise(20'000, 3);
};

TEST_F(ErasureTest, LeavesNothingOfAMessageAndEverythingOfItsNeighbours) {
  const auto gone = keep(intake(mail_with_attachment("secret", attached_), "Inbox", "item-1"));
  const auto stays = keep(intake(mail_with_attachment("other", attached_), "Inbox", "item-2"));
  const auto parts_alone = keep(intake(mail("third"), "Sent", "item-3"));
  const auto outcome = erase({{gone.serial, {}}});
  EXPECT_EQ(outcome.messages, 1u);
  EXPECT_EQ(outcome.copies, 1u);
  EXPECT_EQ(outcome.placements, 1u);

  EXPECT_FALSE(store_->raw(gone.copy).value());
  EXPECT_FALSE(store_->message(gone.serial).value());
  EXPECT_THAT(store_->placements(gone.serial).value(), IsEmpty());
  EXPECT_EQ(store_->raw(stays.copy).value(), mail_with_attachment("other", attached_)) << "they share a part";
  EXPECT_TRUE(store_->raw(parts_alone.copy).value());
  EXPECT_THAT(store_->browse(kAlice, "Inbox", "", 10).value().serials, ElementsAre(stays.serial));
  EXPECT_EQ(store_->totals().value().messages, 2u);
  EXPECT_EQ(store_->totals(kAlice).value().messages, 2u);
  EXPECT_THAT(kinds(Sequence{3}), ElementsAre(ChangeKind::erased));
  for (const auto& change : changes()) {
    if (change.serial == gone.serial) {
      EXPECT_EQ(change.copy, CopyId{}) << "the log still says what it was";
    }
  }
  check();
  reopen();
  check();
  EXPECT_FALSE(store_->raw(gone.copy).value());
}

TEST_F(ErasureTest, TakesAPartWithItsLastMessage) {
  const auto one = keep(intake(mail_with_attachment("one", attached_)));
  const auto two = keep(intake(mail_with_attachment("two", attached_)));
  const auto first = erase({{one.serial, {}}});
  const auto second = erase({{two.serial, {}}});
  EXPECT_LT(first.parts, second.parts) << "the shared part goes with the second";
  EXPECT_EQ(store_->totals().value().copies, 0u);
  check();
}

TEST_F(ErasureTest, OfSeveralMessagesInOneBatch) {
  std::vector<Erasure> erasures;
  for (int i = 0; i < 20; ++i) {
    const auto kept = keep(intake(mail_with_attachment(fmt::format("message {}", i), attached_), "Inbox", fmt::format("item-{}", i)));
    if (i % 2 == 0) erasures.push_back({kept.serial, {}});
  }
  EXPECT_EQ(erase(erasures).messages, 10u);
  EXPECT_EQ(store_->totals().value().messages, 10u);
  EXPECT_EQ(erase(erasures).messages, 0u) << "repeating is harmless";
  check();
}

TEST_F(ErasureTest, OfOneCopyKeepsTheMessageByItsOthers) {
  const auto one = keep(intake(mail("words", "one"), "Inbox", "item-1"));
  const auto two = keep(intake(mail("words", "two"), "Inbox", "item-2"));
  const auto three = keep(intake(mail("words", "three"), "Inbox", "item-3"));
  ASSERT_EQ(one.serial, three.serial);
  EXPECT_EQ(erase({{one.serial, {one.copy}}}).copies, 1u);
  EXPECT_FALSE(store_->raw(one.copy).value());
  EXPECT_THAT(store_->message(one.serial).value()->copies, ElementsAre(two.copy, three.copy));
  EXPECT_EQ(store_->placements(one.serial).value().size(), 2u);
  check();
  EXPECT_EQ(erase({{one.serial, {three.copy}}}).copies, 1u);
  EXPECT_THAT(store_->message(one.serial).value()->copies, ElementsAre(two.copy));
  check();
  EXPECT_EQ(erase({{one.serial, {two.copy}}}).messages, 1u);
  check();
}

TEST_F(ErasureTest, DoesNotComeBackWithTheNextRun) {
  const auto gone = keep(intake(mail("gone"), "Inbox", "item-1", "key-1"));
  erase({{gone.serial, {}}});
  const auto seen = store_->seen(seen_key("item-1")).value();
  ASSERT_TRUE(seen) << "a run would fetch it again";
  EXPECT_EQ(seen->change_key, "key-1");
  EXPECT_EQ(seen->copy, CopyId{});
  EXPECT_EQ(seen->folder, "Inbox");
  EXPECT_THAT(store_->seen_items(kProfile, "mailbox-1", "Inbox", "", 10).value(), ElementsAre("item-1"));
  check();
}

TEST_F(ErasureTest, FollowsItsItemThroughFolders) {
  const auto gone = keep(intake(mail("gone"), "Inbox", "item-1"));
  erase({{gone.serial, {}}});
  ASSERT_TRUE(move("item-1", "Later", "item-1b"));
  EXPECT_FALSE(store_->seen(seen_key("item-1")).value());
  EXPECT_EQ(store_->seen(seen_key("item-1b")).value()->folder, "Later");
  check();
  ASSERT_TRUE(vanish("item-1b"));
  EXPECT_FALSE(store_->seen(seen_key("item-1b")).value());
  check();
  ASSERT_TRUE(move("item-1b", "Back")) << "undeleted at its source";
  check();
  // Other content under the same item is new mail.
  const auto fresh = keep(intake(mail("fresh"), "Back", "item-1b", "c9"));
  EXPECT_TRUE(fresh.new_message);
  EXPECT_EQ(store_->seen(seen_key("item-1b")).value()->copy, fresh.copy);
  EXPECT_EQ(store_->totals().value().messages, 1u);
  check();
}

TEST_F(ErasureTest, AVanishedItemOfAnErasedMessageStaysVanished) {
  const auto gone = keep(intake(mail("gone"), "Inbox", "item-1"));
  ASSERT_TRUE(vanish("item-1"));
  erase({{gone.serial, {}}});
  EXPECT_FALSE(store_->seen(seen_key("item-1")).value());
  check();
}

TEST_F(ErasureTest, OfWhatIsHeldIsRefusedWhole) {
  close();
  Serial held{};
  options_.may_erase = [&](Serial serial) -> Result<void> {
    if (serial == held) return Error{ErrorCode::held, "a hold covers this message"};
    return {};
  };
  reopen();
  const auto one = keep(intake(mail("one"), "Inbox", "item-1"));
  const auto two = keep(intake(mail("two"), "Inbox", "item-2"));
  held = two.serial;
  const auto refused = store_->erase({{one.serial, {}}, {two.serial, {}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::held);
  EXPECT_TRUE(store_->raw(one.copy).value()) << "half of it was done";
  EXPECT_EQ(changes().size(), 2u);
  held = Serial{};
  EXPECT_EQ(erase({{one.serial, {}}, {two.serial, {}}}).messages, 2u);
  check();
}

// Batches that bring copies and items of the very messages that are being erased: whatever order the two take, the store agrees
// with itself.
TEST_F(ErasureTest, WhileTheSameMailIsArchived) {
  std::atomic<bool> over = false;
  std::jthread archiver([&] {
    for (int i = 0; !over; ++i) {
      (void)archive({intake(mail(fmt::format("subject {}", i % 30), fmt::to_string(i)), "Inbox", fmt::format("item-{}", i % 40), fmt::to_string(i))});
    }
  });
  std::uint64_t erased = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (erased < 40 && std::chrono::steady_clock::now() < until) {
    const auto page = store_->browse(kAlice, "", "", 3).value();
    for (const Serial serial : page.serials) {
      auto done = store_->erase({{serial, {}}});
      // A message that gets a copy a millisecond may outrun it; that is said, and nothing is half done.
      if (!done) EXPECT_EQ(done.error().code, ErrorCode::conflict) << done.error().message;
      else erased += done->messages;
    }
  }
  over = true;
  archiver.join();
  EXPECT_GE(erased, 40u);
  check();
}

TEST_F(ErasureTest, LeavesNoTraceOnTheDiskAfterCompaction) {
  const Bytes marker = "Zyklamenkongress-4711-Quittenbaum";
  const Bytes body = marker + " " + noise(3'000, 8);
  const Bytes raw = mail_with_attachment(marker, body);
  const auto gone = keep(intake(raw, "Inbox", "item-1"));
  for (int i = 0; i < 200; ++i) keep(intake(mail_with_attachment(fmt::format("other {}", i), noise(5'000, 100 + static_cast<std::uint64_t>(i)))));
  ASSERT_TRUE(store_->compact()) << "so that it is in SST and blob files";
  const auto store = folder_.path() / "tenant";
  const auto dump = [&] {
    close();
    const auto values = stored_values(store / "store", {"parts", "copies"});
    reopen();
    return values;
  };
  const auto before = dump();
  EXPECT_EQ(erase({{gone.serial, {}}}).messages, 1u);
  const auto after = dump();
  std::vector<Bytes> stored;  // what the store kept of the message, in whatever form it keeps things
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(stored));
  ASSERT_GE(stored.size(), 2u) << "an attachment and a recipe";
  ASSERT_THAT(found_in(store, stored), ::testing::SizeIs(::testing::Ge(stored.size()))) << "the control: erasing alone leaves the bytes on the disk";

  ASSERT_TRUE(store_->compact());
  EXPECT_THAT(found_in(store, stored), IsEmpty());
  EXPECT_THAT(found_in(store, traces_of({marker, body})), IsEmpty());
  reopen();  // The manifest of the files named the copy until now.
  EXPECT_THAT(found_in(store, {Bytes(gone.copy.view())}), IsEmpty());
  check();
}

}  // namespace
}  // namespace kopial
