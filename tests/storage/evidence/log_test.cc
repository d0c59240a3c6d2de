// What the one write path leaves in the evidence log.
#include "storage/evidence/log.h"

#include <gmock/gmock.h>

#include "storage/layout.h"
#include "storage/evidence/evidence.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

using ::testing::ElementsAre;

class EvidenceLogTest : public StoreTest {
 protected:
  Evidence& evidence() { return store_->evidence(); }
  std::uint64_t leaves() { return evidence().status().size; }
  Entry entry(std::uint64_t leaf) {
    auto stored = evidence().entry(leaf);
    EXPECT_TRUE(stored && *stored) << leaf;
    auto decoded = decode_entry((*stored)->canonical);
    EXPECT_TRUE(decoded) << leaf;
    return decoded.value_or(Entry{});
  }
  std::vector<FactType> facts(std::uint64_t leaf) {
    std::vector<FactType> types;
    for (const auto& fact : entry(leaf).facts) types.push_back(fact.type);
    return types;
  }
};

TEST_F(EvidenceLogTest, AMessageIsOneLeafThatSaysAllOfIt) {
  const auto raw = mail("first");
  const auto kept = keep(intake(raw, "Inbox", "item-1"));
  ASSERT_EQ(leaves(), 3u) << "the message, the name of its folder, and what the source said";
  EXPECT_THAT(facts(1), ElementsAre(FactType::folder));
  const auto said = entry(0);
  EXPECT_EQ(said.kind, EntryKind::message_added);
  EXPECT_EQ(said.serial, kept.serial);
  EXPECT_EQ(said.copy, kept.copy);
  EXPECT_EQ(said.at, clock_.now());
  EXPECT_THAT(facts(0), ElementsAre(FactType::copy, FactType::message, FactType::placed));
  EXPECT_THAT(facts(2), ElementsAre(FactType::row, FactType::row));
  const auto& placed = said.facts[2];
  EXPECT_EQ(placed.archive, kAlice);
  EXPECT_EQ(placed.received, clock_.now());
  EXPECT_EQ(said.facts[0].bytes, raw.size());
}

TEST_F(EvidenceLogTest, EverythingThatChangesARowLeavesALeaf) {
  keep(intake(mail("first"), "Inbox", "item-1"));
  keep(intake(mail("first"), "Inbox", "item-1"));
  EXPECT_EQ(leaves(), 3u) << "a repeated batch says nothing new";

  ASSERT_TRUE(move("item-1", "Archive"));
  EXPECT_EQ(entry(3).kind, EntryKind::placement_changed);
  EXPECT_THAT(facts(4), ElementsAre(FactType::folder));
  ASSERT_TRUE(vanish("item-1"));
  EXPECT_EQ(entry(6).kind, EntryKind::placement_changed);

  auto unread = intake(mail("second"), "Inbox", "item-2");
  keep(unread);
  unread.placement.unread = true;
  keep(unread);
  ASSERT_EQ(leaves(), 11u);
  EXPECT_EQ(entry(10).kind, EntryKind::noted);
  EXPECT_THAT(facts(10), ElementsAre(FactType::placed));

  Batch batch;
  batch.cursors.push_back({{kProfile, "mailbox-1", ""}, "delta"});
  batch.quarantined.push_back({kProfile, "mailbox-1", "item-3", "Inbox", kAlice, "broken", "bytes"});
  ASSERT_TRUE(store_->archive(std::move(batch)));
  ASSERT_EQ(leaves(), 13u);
  EXPECT_EQ(entry(11).kind, EntryKind::quarantined);
  EXPECT_EQ(entry(12).kind, EntryKind::noted);

  ASSERT_TRUE(store_->append_audit(R"({"action":"search"})"));
  EXPECT_EQ(entry(13).kind, EntryKind::audit);
  EXPECT_EQ(store_->audit(0, 10).value().at(0).json, R"({"action":"search"})");
  EXPECT_EQ(store_->audit(0, 10).value().at(0).leaf, 13u);
  check();
}

TEST_F(EvidenceLogTest, TheTreeComesBackWithTheStore) {
  for (int round = 0; round < 3; ++round) {
    std::vector<Intake> many;
    for (int i = 0; i < 200; ++i) many.push_back(intake(mail(fmt::format("{} {}", round, i))));
    ASSERT_TRUE(archive(std::move(many)));
    ASSERT_TRUE(store_->append_audit("{}"));
    const auto before = evidence().status();
    reopen();
    EXPECT_EQ(evidence().status().size, before.size);
    EXPECT_EQ(evidence().status().root, before.root);
  }
  for (std::uint64_t leaf = 0; leaf < leaves(); leaf += 13) {
    const auto stored = evidence().entry(leaf).value().value();
    const auto proof = evidence().inclusion(leaf, leaves()).value();
    EXPECT_TRUE(verify_inclusion(leaf_hash(stored.committed.view()), leaf, leaves(), proof, evidence().status().root)) << leaf;
  }
}

TEST_F(EvidenceLogTest, EqualEventsHaveDifferentLeaves) {
  ASSERT_TRUE(store_->append_audit("{}"));
  ASSERT_TRUE(store_->append_audit("{}"));
  EXPECT_NE(evidence().entry(0).value()->committed, evidence().entry(1).value()->committed);
}

TEST(EntryTest, AnErasedEntryKeepsItsLeafAndNothingElse) {
  Entry entry{EntryKind::message_added, from_milliseconds(1), Serial{5}, Digest::from_hex(std::string(64, 'b')).value(), {}};
  StoredEntry stored;
  stored.leaf = 300;
  stored.salt = Bytes(kSaltBytes, 's');
  stored.canonical = encode(entry);
  const auto before = decode_stored_entry(encode(stored)).value();
  EXPECT_EQ(decode_entry(before.canonical), entry);
  const auto erased = decode_stored_entry(encode(*erased_form(before))).value();
  EXPECT_EQ(erased.committed, before.committed);
  EXPECT_EQ(erased.leaf, 300u);
  EXPECT_EQ(erased.serial, Serial{5});
  EXPECT_TRUE(erased.canonical.empty());
  EXPECT_EQ(encode(erased).find(Bytes(32, '\xbb')), Bytes::npos);
}

TEST(EntryTest, EveryFactComesBack) {
  const auto copy = Digest::from_hex(std::string(64, 'c')).value(), other = Digest::from_hex(std::string(64, 'd')).value();
  const auto time = from_milliseconds(-5);
  Entry entry{EntryKind::placement_changed, time, Serial{7}, copy, {}};
  RowDigest row{};
  row.fill(1);
  RowKeyDigest row_key{};
  row_key.fill(2);
  entry.facts = {
      {.type = FactType::copy, .serial = Serial{7}, .copy = copy, .bytes = 70'000, .defects = 3},
      {.type = FactType::message, .serial = Serial{7}, .digest = other},
      {.type = FactType::placed, .serial = Serial{7}, .copy = copy, .archive = kAlice, .folder = 300, .tag = "12345678", .received = time},
      {.type = FactType::placed, .serial = Serial{9}, .copy = other, .archive = kBob, .folder = 1, .tag = "12345678", .received = time, .unread = true, .vanished_at = time},
      {.type = FactType::unplaced, .serial = Serial{8}, .archive = kBob, .folder = 2, .tag = "87654321"},
      {.type = FactType::folder, .archive = kBob, .folder = 2, .text = "Inbox/\xc3\xa4"},
      {.type = FactType::row, .family = 9, .row_key = row_key},
      {.type = FactType::row, .family = 9, .row_key = row_key, .row = row},
      {.type = FactType::quarantined, .digest = copy, .content = other, .number = 4},
      {.type = FactType::audit, .text = "{}"},
      {.type = FactType::erased, .serial = Serial{3}, .number = 1},
      {.type = FactType::erased, .serial = Serial{3}, .number = 2, .leaves = {4, 9, 1000}},
      {.type = FactType::note, .text = "{}"},
      {.type = FactType::earlier},
      {.type = FactType::earlier, .earlier = time},
  };
  const auto canonical = encode(entry);
  EXPECT_EQ(decode_entry(canonical), entry);
  for (std::size_t size = 0; size < canonical.size(); ++size) {
    const auto decoded = decode_entry(BytesView(canonical).substr(0, size));
    if (decoded) {
      EXPECT_EQ(encode(*decoded), canonical.substr(0, size)) << "cut at a fact's border";
    }
  }
}

}  // namespace
}  // namespace kopial
