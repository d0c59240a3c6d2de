#include "storage/tenant_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/layout.h"
#include "storage/values.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class TenantStoreTest : public StoreTest {
 protected:
  Bytes raw(const CopyId& copy) {
    const auto found = store_->raw(copy);
    EXPECT_TRUE(found) << found.error().message;
    return found && *found ? **found : "(nothing)";
  }
  // The rows of a family, as they lie on disk. Closes the store meanwhile.
  std::vector<std::pair<Bytes, Bytes>> rows(Family family) {
    close();
    std::vector<std::pair<Bytes, Bytes>> found;
    {
      const auto database =
          Database::open(folder_.path() / "tenant" / "store", tenant_families(), {});
      EXPECT_TRUE(database) << database.error().message;
      for (auto range = (*database)->range(family, "", ""); range.valid(); range.next())
        found.emplace_back(range.key(), range.value());
    }
    reopen();
    return found;
  }
  std::vector<std::uint64_t> part_references() {
    std::vector<std::uint64_t> counts;
    for (const auto& [key, value] : rows(kPartReferences))
      counts.push_back(decode_number(value).value());
    return counts;
  }
  std::vector<std::string> open_folders(Serial serial) {
    std::vector<std::string> folders;
    const auto placements = store_->placements(serial).value();
    for (const auto& placement : placements) {
      if (!placement.vanished_at) folders.push_back(placement.folder);
    }
    return folders;
  }
};

TEST_F(TenantStoreTest, GivesBackTheBytesItWasGiven) {
  for (const Bytes& bytes :
       {mail("plain"), mail_with_attachment("attachment", noise(100'000)), Bytes(), Bytes("\r\n"),
        Bytes("\0", 1), Bytes(300'000, '\0'), noise(300'000), Bytes(100'000, '\n'),
        "Content-Transfer-Encoding: base64\r\n\r\n" + noise(50'000)}) {
    const auto kept = keep(intake(bytes));
    EXPECT_EQ(kept.copy, sha256(bytes));
    EXPECT_EQ(raw(kept.copy), bytes);
    EXPECT_EQ(store_->serial_of(kept.copy).value(), kept.serial);
  }
  check();
  reopen();
  EXPECT_EQ(raw(sha256(mail("plain"))), mail("plain"));
  EXPECT_EQ(raw(sha256(noise(300'000))), noise(300'000));
  check();
}

TEST_F(TenantStoreTest, KnowsNothingItWasNotGiven) {
  EXPECT_EQ(store_->raw(sha256("x")).value(), std::nullopt);
  EXPECT_EQ(store_->serial_of(sha256("x")).value(), std::nullopt);
  EXPECT_FALSE(store_->message(Serial{1}).value());
  EXPECT_THAT(store_->placements(Serial{1}).value(), IsEmpty());
  EXPECT_EQ(store_->seen(seen_key("a")).value(), std::nullopt);
  EXPECT_EQ(store_->cursor({kProfile, "m", ""}).value(), "");
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(store_->totals().value().messages, 0u);
  EXPECT_TRUE(store_->archive({}));
  EXPECT_EQ(last(), Sequence{0});
}

TEST_F(TenantStoreTest, RecordsWhatTheMessageSays) {
  const auto kept = keep(intake(mail("contract"), "Inbox/Contracts", "item-1"));
  EXPECT_EQ(kept.serial, Serial{1});
  EXPECT_TRUE(kept.new_copy && kept.new_message && kept.new_placement);
  reopen();
  const auto message = store_->message(kept.serial).value();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->summary.subject, "contract");
  EXPECT_EQ(message->summary.from.at(0).address, "alice@example.org");
  EXPECT_EQ(message->archived_at, clock_.now());
  EXPECT_EQ(message->bytes, mail("contract").size());
  EXPECT_THAT(message->copies, ElementsAre(kept.copy));
  const auto placements = store_->placements(kept.serial).value();
  ASSERT_EQ(placements.size(), 1u);
  EXPECT_EQ(placements[0].archive, kAlice);
  EXPECT_EQ(placements[0].folder, "Inbox/Contracts");
  EXPECT_EQ(placements[0].source_item, "item-1");
  EXPECT_EQ(placements[0].received, clock_.now());
  EXPECT_FALSE(placements[0].vanished_at);
}

// --- once and only once

TEST_F(TenantStoreTest, StoresTheSameBytesOnceHoweverOftenTheyCome) {
  const Bytes bytes = mail_with_attachment("twice", noise(50'000));
  const auto first = keep(intake(bytes, "Inbox", "item-1"));
  const auto again = keep(intake(bytes, "Inbox", "item-1"));
  EXPECT_EQ(again.serial, first.serial);
  EXPECT_FALSE(again.new_copy || again.new_message || again.new_placement);
  EXPECT_THAT(kinds(), ElementsAre(ChangeKind::message_added))
      << "a repeated batch changes nothing";

  const auto bob = keep(intake(bytes, "Inbox", "item-1", "c1", kBob));
  EXPECT_EQ(bob.serial, first.serial);
  EXPECT_FALSE(bob.new_copy || bob.new_message);
  EXPECT_TRUE(bob.new_placement);

  EXPECT_EQ(rows(kParts).size(), 1u);
  EXPECT_EQ(rows(kCopies).size(), 1u);
  EXPECT_THAT(part_references(), ElementsAre(1u));
  EXPECT_EQ(store_->placements(first.serial).value().size(), 2u);
  const auto totals = store_->totals().value();
  EXPECT_EQ(totals.messages, 1u);
  EXPECT_EQ(totals.copies, 1u);
  EXPECT_EQ(totals.placements, 2u);
  EXPECT_EQ(totals.raw_bytes, 2 * bytes.size());
  check();
}

TEST_F(TenantStoreTest, StoresTheSameMessageOnceWithinOneBatch) {
  const Bytes bytes = mail_with_attachment("twice", noise(50'000));
  const auto done = archive({intake(bytes, "Inbox", "item-1"), intake(bytes, "Inbox", "item-2")});
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->messages[0].new_copy);
  EXPECT_FALSE(done->messages[1].new_copy);
  EXPECT_EQ(done->messages[0].serial, done->messages[1].serial);
  EXPECT_EQ(rows(kParts).size(), 1u);
  check();
}

// However its senders encoded it, in whichever message.
TEST_F(TenantStoreTest, StoresTheSameAttachmentOnce) {
  const Bytes content = noise(50'000);
  const std::vector<Bytes> messages = {mail_with_attachment("one", content),
                                       mail_with_attachment("two", content, "x", "other", 60),
                                       mail_with_attachment("three", content, "x", "third", 1000)};
  std::vector<CopyId> copies;
  for (const auto& bytes : messages) copies.push_back(keep(intake(bytes)).copy);
  EXPECT_EQ(rows(kParts).size(), 1u);
  EXPECT_THAT(part_references(), ElementsAre(3u));
  for (std::size_t i = 0; i < messages.size(); ++i) EXPECT_EQ(raw(copies[i]), messages[i]);
  keep(intake(mail_with_attachment("one", noise(50'000, 2))));
  EXPECT_EQ(rows(kParts).size(), 2u) << "the count does see another attachment";
  check();
}

// DESIGN section 2, promise 3: two byte strings are two copies; what they say makes them one
// message.
TEST_F(TenantStoreTest, KeepsEveryCopyOfAMessage) {
  const Bytes one = mail_with_attachment("same", noise(5'000), "one", "b1"),
              two = mail_with_attachment("same", noise(5'000), "two", "b2");
  const auto first = keep(intake(one, "Inbox", "item-1"));
  const auto second = keep(intake(two, "Inbox", "item-1", "c1", kBob));
  EXPECT_EQ(first.serial, second.serial);
  EXPECT_TRUE(second.new_copy);
  EXPECT_FALSE(second.new_message);
  EXPECT_THAT(store_->message(first.serial).value()->copies, ElementsAre(first.copy, second.copy));
  EXPECT_EQ(kinds().front(), ChangeKind::message_added);
  EXPECT_THAT(kinds(Sequence{1}), ::testing::Contains(ChangeKind::copy_added));
  EXPECT_EQ(raw(first.copy), one);
  EXPECT_EQ(raw(second.copy), two);
  check();
}

// The same Message-ID, and something else in it: nothing is lost by cleverness.
TEST_F(TenantStoreTest, KeepsMessagesApartThatShareAnId) {
  Bytes forged = mail("same");
  forged.replace(forged.find("Hello Bob"), 9, "Hello Eve");
  const auto first = keep(intake(mail("same"))), second = keep(intake(forged));
  EXPECT_NE(first.serial, second.serial);
  EXPECT_EQ(raw(first.copy), mail("same"));
  EXPECT_EQ(raw(second.copy), forged);
}

// --- all or nothing

// The last of a batch fails: no bytes, placement, seen, change, cursor or quarantine of it is
// there, then or after a restart.
TEST_F(TenantStoreTest, WritesAllOfABatchOrNothing) {
  keep(intake(mail("before"), "Inbox", "item-0"));
  const auto before = last();
  Batch batch;
  batch.messages = {intake(mail("one"), "New folder", "item-1"),
                    intake(mail_with_attachment("two", noise(9'000)), "Inbox", "item-2")};
  batch.moved = {{seen_key("item-0"), "", "Elsewhere", "c2", clock_.now()},
                 {seen_key("never archived"), "", "Elsewhere", "c2", clock_.now()}};
  batch.quarantined = {{kProfile, "mailbox-1", "odd", "Inbox", kAlice, "a reason", "bytes"}};
  batch.cursors = {{{kProfile, "mailbox-1", "Inbox"}, "next"}};
  EXPECT_EQ(store_->archive(batch).error().code, ErrorCode::not_found);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(store_->raw(sha256(mail("one"))).value(), std::nullopt);
    EXPECT_EQ(store_->seen(seen_key("item-1")).value(), std::nullopt);
    EXPECT_EQ(store_->seen(seen_key("item-0")).value()->folder, "Inbox");
    EXPECT_EQ(store_->cursor({kProfile, "mailbox-1", "Inbox"}).value(), "");
    EXPECT_THAT(store_->quarantine("", 10).value(), IsEmpty());
    EXPECT_EQ(store_->folders(kAlice).value().size(), 1u);
    EXPECT_EQ(last(), before);
    check();
    reopen();
  }
  EXPECT_EQ(rows(kParts).size(), 0u);
  // Without the wrong move the very same batch goes in, whole.
  batch.moved.pop_back();
  ASSERT_TRUE(store_->archive(batch));
  reopen();
  EXPECT_TRUE(store_->raw(sha256(mail("one"))).value());
  EXPECT_EQ(store_->seen(seen_key("item-1")).value()->folder, "New folder");
  EXPECT_EQ(store_->seen(seen_key("item-0")).value()->folder, "Elsewhere");
  EXPECT_EQ(store_->cursor({kProfile, "mailbox-1", "Inbox"}).value(), "next");
  EXPECT_EQ(store_->quarantine("", 10).value().size(), 1u);
  check();
}

TEST_F(TenantStoreTest, RefusesMailOverItsLimitWhole) {
  options_.message_bytes_max = 10'000;
  reopen();
  EXPECT_EQ(archive({intake(mail("small")), intake(noise(10'001))}).error().code,
            ErrorCode::too_large);
  EXPECT_EQ(store_->totals().value().messages, 0u);
  EXPECT_TRUE(archive({intake(noise(10'000))}));
  Batch batch;
  batch.quarantined = {{kProfile, "m", "i", "f", kAlice, "r", noise(10'001)}};
  EXPECT_EQ(store_->archive(batch).error().code, ErrorCode::too_large);
  // A limit lowered later does not make what is here unreadable.
  options_.message_bytes_max = 100;
  reopen();
  EXPECT_EQ(raw(sha256(noise(10'000))), noise(10'000));
}

// --- what the source says

TEST_F(TenantStoreTest, AnswersForItemsItHasSeen) {
  const auto kept = keep(intake(mail("a"), "Inbox", "item-1", "key-1"));
  reopen();
  const auto seen = store_->seen(seen_key("item-1")).value();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->copy, kept.copy);
  EXPECT_EQ(seen->serial, kept.serial);
  EXPECT_EQ(seen->change_key, "key-1");
  EXPECT_EQ(seen->archive, kAlice);
  EXPECT_EQ(seen->folder, "Inbox");
  EXPECT_FALSE(store_->seen(seen_key("item-2")).value());
  EXPECT_FALSE(store_->seen({ProfileId{8}, "mailbox-1", "item-1"}).value()) << "another profile";
  EXPECT_FALSE(store_->seen({kProfile, "mailbox-2", "item-1"}).value()) << "another mailbox";
  EXPECT_FALSE(store_->seen({kProfile, "mailbox-1i", "tem-1"}).value())
      << "the border between mailbox and item";
}

TEST_F(TenantStoreTest, MovesAnItemWithoutFetchingItAgain) {
  const auto kept = keep(intake(mail("a"), "Inbox", "item-1"));
  const auto before = last();
  ASSERT_TRUE(move("item-1", "Archive/2026", "item-9", "key-2"));
  EXPECT_FALSE(store_->seen(seen_key("item-1")).value());
  EXPECT_EQ(store_->seen(seen_key("item-9")).value()->folder, "Archive/2026");
  EXPECT_EQ(store_->seen(seen_key("item-9")).value()->change_key, "key-2");
  EXPECT_THAT(open_folders(kept.serial), ElementsAre("Archive/2026"));
  EXPECT_THAT(kinds(before), ElementsAre(ChangeKind::placement_changed));
  ASSERT_TRUE(move("item-1", "Archive/2026", "item-9", "key-2")) << "the same batch again";
  EXPECT_EQ(kinds(before).size(), 1u);
  EXPECT_EQ(move("item-7", "x").error().code, ErrorCode::not_found);
  EXPECT_EQ(store_->totals().value().placements, 1u);
  check();
}

TEST_F(TenantStoreTest, KeepsWhatVanishedAndTakesItBack) {
  const auto kept = keep(intake(mail("a"), "Inbox", "item-1"));
  clock_.advance(1h);
  ASSERT_TRUE(vanish("item-1"));
  EXPECT_FALSE(store_->seen(seen_key("item-1")).value());
  EXPECT_THAT(open_folders(kept.serial), IsEmpty());
  EXPECT_EQ(store_->placements(kept.serial).value().at(0).vanished_at, clock_.now());
  EXPECT_EQ(raw(kept.copy), mail("a")) << "what vanished at the source stays in the archive";
  const auto before = last();
  ASSERT_TRUE(vanish("item-1"));
  EXPECT_EQ(last(), before) << "the same batch again";
  const auto back = keep(intake(mail("a"), "Inbox", "item-1"));
  EXPECT_TRUE(back.new_placement);
  EXPECT_THAT(open_folders(kept.serial), ElementsAre("Inbox"));
  EXPECT_TRUE(store_->seen(seen_key("item-1")).value());
  check();
}

TEST_F(TenantStoreTest, FollowsAnItemThatChanges) {
  const auto first = keep(intake(mail("draft", "one"), "Drafts", "item-1", "k1"));
  // Other bytes of the same message replace the placement's copy.
  const auto second = keep(intake(mail("draft", "two"), "Drafts", "item-1", "k2"));
  EXPECT_EQ(second.serial, first.serial);
  EXPECT_EQ(store_->seen(seen_key("item-1")).value()->copy, second.copy);
  EXPECT_EQ(store_->placements(first.serial).value().size(), 1u);
  // Another folder moves it.
  keep(intake(mail("draft", "two"), "Sent", "item-1", "k3"));
  EXPECT_THAT(open_folders(first.serial), ElementsAre("Sent"));
  EXPECT_EQ(store_->placements(first.serial).value().size(), 1u);
  // Another message takes the item over; the old placement is closed, and stays on record.
  const auto third = keep(intake(mail("another"), "Sent", "item-1", "k4"));
  EXPECT_NE(third.serial, first.serial);
  EXPECT_THAT(open_folders(first.serial), IsEmpty());
  EXPECT_EQ(store_->placements(first.serial).value().size(), 1u);
  EXPECT_EQ(store_->seen(seen_key("item-1")).value()->serial, third.serial);
  EXPECT_EQ(raw(first.copy), mail("draft", "one"));
  check();
}

TEST_F(TenantStoreTest, ListsTheItemsOfAFolderInPages) {
  std::vector<std::string> expected;
  std::vector<Intake> batch;
  for (int i = 0; i < 25; ++i) {
    expected.push_back(fmt::format("item-{}", i));
    batch.push_back(intake(mail(expected.back()), "Inbox", expected.back()));
  }
  batch.push_back(intake(mail("elsewhere"), "Other", "other"));
  ASSERT_TRUE(archive(std::move(batch)));
  ASSERT_TRUE(vanish("item-3"));
  ASSERT_TRUE(move("item-4", "Other"));
  std::erase_if(expected, [](const auto& item) { return item == "item-3" || item == "item-4"; });
  std::vector<std::string> found;
  for (std::string after;;) {
    const auto page = store_->seen_items(kProfile, "mailbox-1", "Inbox", after, 4).value();
    if (page.empty()) break;
    EXPECT_LE(page.size(), 4u);
    found.insert(found.end(), page.begin(), page.end());
    after = page.back();
  }
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(store_->seen_items(kProfile, "mailbox-1", "Other", "", 10).value(),
              UnorderedElementsAre("other", "item-4"));
}

TEST_F(TenantStoreTest, KeepsCursors) {
  const auto set = [&](const CursorKey& key, std::string value) {
    Batch batch;
    batch.cursors = {{key, std::move(value)}};
    EXPECT_TRUE(store_->archive(std::move(batch)));
  };
  const CursorKey key{kProfile, "mailbox", "Inbox"};
  set(key, "one");
  set({kProfile, "mailbox", ""}, "tree");
  set({kProfile, "mailboxI", "nbox"}, "border");
  set(key, "two");
  reopen();
  EXPECT_EQ(store_->cursor(key).value(), "two");
  EXPECT_EQ(store_->cursor({kProfile, "mailbox", ""}).value(), "tree");
  EXPECT_EQ(store_->cursor({ProfileId{8}, "mailbox", "Inbox"}).value(), "");
  set(key, "");
  reopen();
  EXPECT_EQ(store_->cursor(key).value(), "");
  EXPECT_EQ(store_->cursor({kProfile, "mailboxI", "nbox"}).value(), "border");
}

// --- what readers follow

TEST_F(TenantStoreTest, NumbersChangesWithoutGaps) {
  std::vector<Sequence> heard;
  store_->on_change([&](Sequence sequence) { heard.push_back(sequence); });
  for (int i = 0; i < 5; ++i) keep(intake(mail(std::to_string(i)), "Inbox", std::to_string(i)));
  ASSERT_TRUE(vanish("3"));
  const auto all = changes();
  ASSERT_EQ(all.size(), 6u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].sequence, Sequence{i + 1});
  EXPECT_EQ(all[5].kind, ChangeKind::placement_changed);
  EXPECT_EQ(all[5].serial, Serial{4});
  EXPECT_EQ(heard.back(), Sequence{6});
  EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
  const auto page = store_->changes(Sequence{2}, 2).value();
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].sequence, Sequence{3});
  EXPECT_THAT(store_->changes(Sequence{6}, 10).value(), IsEmpty());
  EXPECT_THAT(store_->changes(Sequence{~0ull}, 10).value(), IsEmpty());
  reopen();
  EXPECT_EQ(changes().size(), 6u);
  keep(intake(mail("after")));
  EXPECT_EQ(changes().back().sequence, Sequence{7}) << "a restart does not begin anew";
  EXPECT_EQ(changes().back().serial, Serial{6});
}

TEST_F(TenantStoreTest, BrowsesNewestFirstInPages) {
  std::vector<Serial> expected;
  for (int i = 0; i < 11; ++i) {
    clock_.advance(1min);
    expected.insert(expected.begin(),
                    keep(intake(mail(std::to_string(i)), i % 2 == 0 ? "Inbox" : "Sent")).serial);
  }
  keep(intake(mail("bob's"), "Inbox", "", "", kBob));
  const auto browse = [&](const std::string& folder, std::size_t limit) {
    std::vector<Serial> found;
    for (std::string after;;) {
      const auto page = store_->browse(kAlice, folder, after, limit).value();
      EXPECT_LE(page.serials.size(), limit);
      found.insert(found.end(), page.serials.begin(), page.serials.end());
      if (page.next.empty()) return found;
      after = page.next;
    }
  };
  EXPECT_EQ(browse("", 3), expected);
  EXPECT_EQ(browse("", 100), expected);
  std::vector<Serial> sent;
  for (std::size_t i = 1; i < expected.size(); i += 2) sent.push_back(expected[i]);
  EXPECT_EQ(browse("Sent", 2), sent);
  EXPECT_THAT(browse("None", 2), IsEmpty());
  EXPECT_EQ(store_->browse(kAlice, "", "!", 2).error().code, ErrorCode::invalid);
  const auto folders = store_->folders(kAlice).value();
  ASSERT_EQ(folders.size(), 2u);
  EXPECT_EQ(folders[0].folder, "Inbox");
  EXPECT_EQ(folders[0].messages, 6u);
  EXPECT_EQ(folders[1].messages, 5u);
  EXPECT_EQ(store_->totals(kAlice).value().messages, 11u);
  EXPECT_EQ(store_->totals(kBob).value().messages, 1u);
  EXPECT_EQ(store_->totals(ArchiveId{9}).value().messages, 0u);
}

TEST_F(TenantStoreTest, ReadsManyMessagesInTheOrderAsked) {
  for (int i = 0; i < 5; ++i) keep(intake(mail(std::to_string(i))));
  const Serial wanted[] = {Serial{5}, Serial{99}, Serial{1}, Serial{3}};
  std::vector<Serial> got;
  const auto messages = store_->messages(wanted).value();
  for (const auto& message : messages) got.push_back(message.serial);
  EXPECT_THAT(got, ElementsAre(Serial{5}, Serial{1}, Serial{3}));
}

TEST_F(TenantStoreTest, KeepsTheBytesOfWhatIsInQuarantine) {
  const auto put = [&](std::string item, Bytes bytes) {
    Batch batch;
    batch.quarantined = {
        {kProfile, "mailbox-1", std::move(item), "Inbox", kAlice, "no MIME", std::move(bytes)}};
    EXPECT_TRUE(store_->archive(std::move(batch)));
  };
  put("a", noise(5'000));
  put("a", noise(5'000));
  put("b", "");
  reopen();
  const auto listed = store_->quarantine("", 10).value();
  ASSERT_EQ(listed.size(), 2u) << "the same again is the same";
  EXPECT_EQ(listed[0].item.reason, "no MIME");
  EXPECT_EQ(listed[0].bytes, 5'000u);
  EXPECT_EQ(listed[0].item.bytes, "");
  EXPECT_EQ(store_->quarantined(listed[0].id).value()->item.bytes, noise(5'000));
  EXPECT_EQ(store_->quarantined(listed[1].id).value()->item.bytes, "");
  EXPECT_EQ(store_->quarantine(listed[0].id, 10).value().size(), 1u);
  EXPECT_EQ(store_->quarantine("junk", 10).error().code, ErrorCode::invalid);
  EXPECT_FALSE(store_->quarantined("q99").value());
  EXPECT_FALSE(store_->quarantined("junk").value());
}

// --- whose it is

TEST_F(TenantStoreTest, OpensForItsKeyAndOneOwnerOnly) {
  keep(intake(mail("a")));
  EXPECT_EQ(open().error().code, ErrorCode::conflict) << "it is open already";
  close();
  const Secret right = key_;
  key_ = Secret(std::string(32, 'x'));
  const auto wrong = open();
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::invalid) << wrong.error().message;
  key_ = right;
  reopen();
  EXPECT_EQ(raw(sha256(mail("a"))), mail("a"));
}

TEST_F(TenantStoreTest, HidesOneTenantFromAnother) {
  keep(intake(mail("a"), "Inbox", "item-1"));
  TemporaryFolder elsewhere;
  const auto other = TenantStore::open(elsewhere.path(), Secret(std::string(32, 'o')), {}).value();
  EXPECT_FALSE(other->raw(sha256(mail("a"))).value());
  EXPECT_FALSE(other->seen(seen_key("item-1")).value());
  EXPECT_FALSE(other->message(Serial{1}).value());
}

// --- what is wrong on disk

// One byte of a stored part is changed: an error, never other bytes.
TEST_F(TenantStoreTest, NoticesAChangedByte) {
  const Bytes bytes = mail_with_attachment("precious", noise(200'000));
  const auto kept = keep(intake(bytes));
  reopen();  // The log is replayed into table and blob files.
  close();
  int changed = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path() / "tenant" / "store")) {
    if (entry.path().extension() != ".blob" || entry.file_size() < 100'000) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100'000);
    const char before = static_cast<char>(file.get());
    file.seekp(100'000);
    file.put(static_cast<char>(before ^ 0x10));
    ++changed;
  }
  ASSERT_EQ(changed, 1);
  reopen();
  const auto damaged = store_->raw(kept.copy);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::corrupt) << damaged.error().message;
  const auto findings = store_->check();
  EXPECT_TRUE(!findings || !findings->empty()) << "and `check` says so";
}

// --- many at once

TEST_F(TenantStoreTest, StoresOnceWhatManyThreadsBring) {
  constexpr int kThreads = 4, kMessages = 25;
  std::atomic<int> new_copies = 0, failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kMessages; ++i) {
          // Everybody brings the same mail, into an archive and under an item of his own.
          auto one =
              intake(mail_with_attachment(std::to_string(i), noise(5'000, 7)), "Inbox",
                     fmt::format("{}-{}", t, i), "c", ArchiveId{static_cast<std::uint32_t>(t + 1)});
          const auto done = archive({std::move(one)});
          if (!done) {
            ++failures;
          } else if (done->messages[0].new_copy) {
            ++new_copies;
          }
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(new_copies, kMessages);
  const auto totals = store_->totals().value();
  EXPECT_EQ(totals.messages, std::uint64_t{kMessages});
  EXPECT_EQ(totals.placements, std::uint64_t{kMessages * kThreads});
  EXPECT_EQ(rows(kParts).size(), 1u);
  EXPECT_THAT(part_references(), ElementsAre(std::uint64_t{kMessages}));
  const auto all = changes();
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].sequence, Sequence{i + 1});
  check();
}

}  // namespace
}  // namespace kopial
