// Recipes and bodies that came together are compressed together, and remain each its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "storage/base/encoding.h"
#include "storage/blob_coder.h"
#include "storage/database.h"
#include "storage/layout.h"
#include "storage/pack_store.h"
#include "storage/part_store.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

// A body that is alike in every message and yet its own.
Bytes body(std::size_t number) {
  Bytes text;
  for (int line = 0; line < 60; ++line) {
    text += fmt::format("Line {} of the report on site {}, which nobody else has written about.\r\n", line, number * 31 + line);
  }
  return text;
}
Bytes report(std::size_t number) {
  return fmt::format(
             "Received: from mx.example.org by store.example.org; Tue, 24 Nov 2026 04:00:00 +0000\r\nFrom: Alice <alice@example.org>\r\n"
             "To: bob@example.org\r\nSubject: Report {0}\r\nDate: Tue, 24 Nov 2026 03:59:00 +0000\r\nMessage-ID: <report-{0}@example.org>\r\n\r\n",
             number) +
         body(number);
}

class PackTest : public StoreTest {
 protected:
  std::vector<IntakeOutcome> keep_reports(std::size_t from, std::size_t count) {
    std::vector<Intake> batch;
    for (std::size_t i = from; i < from + count; ++i) batch.push_back(intake(report(i), "Inbox", fmt::format("item-{}", i)));
    auto done = archive(std::move(batch));
    EXPECT_TRUE(done) << done.error().message;
    return done ? done->messages : std::vector<IntakeOutcome>{};
  }
  // What the store holds of the mail itself. Closes it.
  std::uint64_t mail_bytes() {
    close();
    const auto opened = Database::open(folder_.path() / "tenant" / "store", tenant_families(), {});
    EXPECT_TRUE(opened);
    const auto& database = *opened;
    std::uint64_t bytes = 0;
    for (const auto family : {kCopies, kParts, kPacks}) {
      for (auto rows = database->range(family, "", ""); rows.valid(); rows.next()) bytes += rows.value().size();
    }
    return bytes;
  }
};

TEST_F(PackTest, ACheckFindsPiecesThatNobodyOwnsAndOwnersWithoutPieces) {
  keep_reports(0, 40);
  EXPECT_EQ(store_->check().value(), std::vector<std::string>{});
  const auto change = [&](auto&& act) {
    close();
    {
      auto opened = Database::open(folder_.path() / "tenant" / "store", tenant_families(), {});
      ASSERT_TRUE(opened);
      auto& database = **opened;
      auto rows = database.range(kPacks, "", "");
      ASSERT_TRUE(rows.valid());
      rocksdb::WriteBatch batch;
      act(batch, database.family(kPacks), Bytes(rows.key()), Bytes(rows.value()));
      ASSERT_TRUE(database.write(batch));
    }
    reopen();
  };
  const auto stray = Encoder().fixed64(1'000'000).take();
  change([&](auto& batch, auto* packs, const Bytes&, const Bytes& value) { batch.Put(packs, slice(stray), slice(value)); });
  auto findings = store_->check().value();
  ASSERT_FALSE(findings.empty());
  EXPECT_NE(findings.front().find("of pack 1000000 belongs to nothing"), std::string::npos) << findings.front();
  Bytes first, kept;
  change([&](auto& batch, auto* packs, const Bytes& key, const Bytes& value) {
    first = key, kept = value;
    batch.Delete(packs, slice(stray));
    batch.Delete(packs, slice(key));
  });
  findings = store_->check().value();
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [](const auto& one) { return one.find("pieces of packs are named, and there are") != std::string::npos; }));
}

TEST_F(PackTest, GivesBackEveryMessageOfABatch) {
  const auto kept = keep_reports(0, 40);
  reopen();
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(store_->raw(kept[i].copy).value(), report(i));
  keep_reports(100, 40);  // Numbers go on behind those of the time before.
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(store_->raw(kept[i].copy).value(), report(i));
  check();
}

TEST_F(PackTest, TakesLessRoomThanSingleMessages) {
  keep_reports(0, 200);
  const auto together = mail_bytes();
  std::filesystem::remove_all(folder_.path() / "tenant");
  reopen();
  for (std::size_t i = 0; i < 200; ++i) keep(intake(report(i), "Inbox", fmt::format("item-{}", i)));
  EXPECT_LT(together, mail_bytes() / 2);
}

// One message of many: its bytes are in no value any more, and its neighbours stay where they are.
TEST_F(PackTest, ErasesOneMessageAndLeavesItsNeighbours) {
  const auto kept = keep_reports(0, 40);
  ASSERT_TRUE(store_->erase({{kept[7].serial, {}}, {kept[8].serial, {}}, {kept[30].serial, {}}}));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto raw = store_->raw(kept[i].copy).value();
    if (i == 7 || i == 8 || i == 30) EXPECT_FALSE(raw) << i;
    else EXPECT_EQ(raw, report(i)) << i;
  }
  check();
  const auto before = mail_bytes();
  reopen();
  std::vector<Erasure> rest;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i != 7 && i != 8 && i != 30) rest.push_back({kept[i].serial, {}});
  }
  ASSERT_TRUE(store_->erase(rest));
  check();
  EXPECT_GT(before, 0u);
  EXPECT_EQ(mail_bytes(), 0u) << "a pack is left of messages that are gone";
}

TEST_F(PackTest, KeepsAMessageThatComesTwiceInABatchOnce) {
  std::vector<Intake> batch;
  for (std::size_t i = 0; i < 20; ++i) batch.push_back(intake(report(i % 5), "Inbox", fmt::format("item-{}", i)));
  const auto done = archive(std::move(batch));
  ASSERT_TRUE(done);
  EXPECT_EQ(store_->totals().value().copies, 5u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(store_->raw(done->messages[i].copy).value(), report(i % 5));
  check();
}

// Two batches bring the same mail at the same time: what the second one lost is in no pack, for nobody could erase it there.
TEST_F(PackTest, KeepsWhatSeveralBringAtOnceOnce) {
  for (std::size_t round = 0; round < 10; ++round) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::vector<Intake> batch;
        for (std::size_t i = 0; i < 12; ++i) {
          batch.push_back(intake(report(round * 100 + i + static_cast<std::size_t>(t) * 3), "Inbox", fmt::format("{}-{}-{}", round, t, i)));
        }
        EXPECT_TRUE(archive(std::move(batch)));
      });
    }
  }
  EXPECT_EQ(store_->totals().value().copies, 10u * 21u);
  check();
}

class PackStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::open(folder_.path() / "store", tenant_families(), {});
    ASSERT_TRUE(opened);
    database_ = *std::move(opened);
    packs_.emplace(*database_, coder_);
    ASSERT_TRUE(packs_->load());
  }
  std::uint64_t put(std::vector<Bytes> pieces) {
    NewPack pack{packs_->next_number(), BlobKind::part, std::move(pieces), {}};
    EXPECT_TRUE(packs_->make(pack));
    rocksdb::WriteBatch batch;
    packs_->put(batch, pack);
    EXPECT_TRUE(database_->write(batch));
    return pack.number;
  }
  Result<void> erase(const PieceSet& pieces) {
    rocksdb::WriteBatch batch;
    if (auto erased = packs_->erase(batch, BlobKind::part, pieces); !erased) return erased;
    return database_->write(batch);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  BlobCoder coder_;
  std::optional<PackStore> packs_;
};

TEST_F(PackStoreTest, ErasesOnePieceAndLeavesTheOthersWhereTheyAre) {
  const auto number = put({"one", "the secret", "three"});
  EXPECT_EQ(packs_->piece({number, 1}).value(), "the secret");
  ASSERT_TRUE(erase({{number, {1}}}));
  EXPECT_EQ(packs_->piece({number, 0}).value(), "one");
  EXPECT_EQ(packs_->piece({number, 1}).value(), "");
  EXPECT_EQ(packs_->piece({number, 2}).value(), "three");
  const auto stored = database_->get(kPacks, Bytes(database_->range(kPacks, "", "").key())).value();
  EXPECT_EQ(coder_.load(*stored, 1000).value().find("secret"), Bytes::npos);
  ASSERT_TRUE(erase({{number, {0, 2}}}));
  EXPECT_FALSE(database_->range(kPacks, "", "").valid()) << "a pack without bytes is left";
  EXPECT_EQ(packs_->piece({number, 0}).error().code, ErrorCode::corrupt);
}

TEST_F(PackStoreTest, RefusesToEraseWhatIsNotThere) {
  const auto number = put({"one", "two"});
  EXPECT_FALSE(erase({{number, {2}}}));
  EXPECT_FALSE(erase({{number + 1, {0}}}));
  EXPECT_EQ(packs_->piece({number, 1}).value(), "two");
}

TEST_F(PackStoreTest, GoesOnBehindTheLastNumber) {
  const auto number = put({"one"});
  packs_.emplace(*database_, coder_);
  ASSERT_TRUE(packs_->load());
  EXPECT_EQ(packs_->next_number(), number + 1);
}

TEST_F(PackStoreTest, SurvivesBrokenBytes) {
  const Bytes plain = Bytes("\x03\x03\x03\x04", 4) + "onetwofour";
  ASSERT_TRUE(Pack::parse(plain));
  for (std::size_t size = 0; size < plain.size(); ++size) EXPECT_FALSE(Pack::parse(plain.substr(0, size)));
  EXPECT_FALSE(Pack::parse(plain + "x"));
  EXPECT_FALSE(Pack::parse(Bytes("\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9)));
}

// A part that goes leaves no row of its own behind, however it was stored.
TEST_F(PackStoreTest, RemovesAllRowsOfAPart) {
  const PartStore parts(*database_, coder_, *packs_);
  const auto number = put({"small"});
  const PartKey small = PartKey::from_bytes(Bytes(32, 's')).value(), large = PartKey::from_bytes(Bytes(32, 'l')).value();
  rocksdb::WriteBatch batch;
  parts.put(batch, small, PartStore::make(PieceName{number, 0}));
  parts.put(batch, large, *parts.make(noise(3 * kChunkBytes + 5)));
  ASSERT_TRUE(database_->write(batch));
  EXPECT_EQ(parts.whole(small).value(), "small");
  EXPECT_EQ(parts.whole(large).value(), noise(3 * kChunkBytes + 5));
  rocksdb::WriteBatch removal;
  PieceSet pieces;
  ASSERT_TRUE(parts.remove(removal, small, pieces));
  ASSERT_TRUE(parts.remove(removal, large, pieces));
  ASSERT_TRUE(packs_->erase(removal, BlobKind::part, pieces));
  ASSERT_TRUE(database_->write(removal));
  EXPECT_EQ(pieces, (PieceSet{{number, {0}}}));
  EXPECT_FALSE(database_->range(kParts, "", "").valid());
  EXPECT_FALSE(database_->range(kPacks, "", "").valid());
}

}  // namespace
}  // namespace kopial
