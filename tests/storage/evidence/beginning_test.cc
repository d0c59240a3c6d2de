// Stores that were there before they kept evidence.
#include "storage/evidence/beginning.h"

#include <gmock/gmock.h>

#include "storage/base/files.h"
#include "storage/crypto/digest.h"
#include "storage/layout.h"
#include "storage/record_book.h"
#include "storage/values.h"
#include "tests/storage/evidence/lived_store.h"
#include "tests/storage/frozen_store.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BeginningTest : public LivedStoreTest {
 protected:
  fs::path tenant() const { return folder_.path() / "tenant"; }

  // The closed store as a version of that time would have left it: no leaves, no root, changes that are not entries, and audit
  // events among the records.
  void unmake() {
    auto opened = Database::open(tenant() / "store", tenant_families(), {});
    ASSERT_TRUE(opened) << opened.error().message;
    Database& database = **opened;
    RecordBook records(database, kRecords, key_);
    rocksdb::WriteBatch batch;
    const auto each = [&](Family family, const auto& what) {
      for (auto rows = database.range(family, "", ""); rows.valid(); rows.next()) what(Bytes(rows.key()), Bytes(rows.value()));
    };
    const auto put = [&](Family family, const Bytes& key, const Bytes& value) { batch.Put(database.family(family), key, value); };
    each(kChanges, [&](const Bytes& key, const Bytes& value) {
      const auto change = decode_change(Sequence{Decoder(key).fixed64()}, value).value();
      put(kChanges, key, Encoder().u8(1).u8(static_cast<std::uint8_t>(change.kind)).varint(to_number(change.serial)).raw(change.copy.view()).take());
    });
    each(kMessages, [&](const Bytes& key, const Bytes& value) {
      if (key.size() != sizeof(std::uint64_t)) return;
      auto message = decode_message(value).value();
      const auto added = Encoder().varint(to_number(message.added)).take();
      put(kMessages, key, "\x01" + value.substr(1, value.size() - 1 - added.size()));
    });
    each(kAudit, [&](const Bytes& key, const Bytes& value) {
      const auto entry = decode_entry(decode_stored_entry(value)->canonical).value();
      ASSERT_TRUE(records.put("audit", hex_encode(key), entry.facts.back().text, 0));
    });
    for (const auto family : {kEvidence, kEvents, kAudit}) each(family, [&](const Bytes& key, const Bytes&) { batch.Delete(database.family(family), key); });
    const auto state = decode_state(database.get(kMeta, kStateKey).value().value()).value();
    put(kMeta, Bytes(kStateKey), Encoder().u8(1).varint(state.last_serial).varint(state.last_sequence).varint(state.last_quarantine).varint(state.messages)
                                     .varint(state.copies).varint(state.placements).varint(state.raw_bytes).take());
    ASSERT_TRUE(records.remove("evidence", "log"));
    ASSERT_TRUE(database.write(batch));
    fs::remove_all(tenant() / "evidence");
  }
  std::vector<std::string> audit() {
    std::vector<std::string> events;
    const auto rows = store_->audit(0, 1000).value();
    for (const auto& row : rows) events.push_back(row.json);
    return events;
  }
  void expect_sound() {
    options_of_verify_.key = key_;
    options_of_verify_.verifier = store_->evidence().status().verifier;
    options_of_verify_.checkpoints = {{"the checkpoint", store_->evidence().checkpoint().value()}};
    options_of_verify_.all_signed = true;
    check();
    close();
    const auto report = verify();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->findings, IsEmpty());
    reopen();
  }
  void erase_some() {
    const auto whole = store_->serial_of(sha256(mail("message 5"))).value().value();
    ASSERT_TRUE(store_->erase({{whole, {}}}));
    const auto first = sha256(mail_with_attachment("attached 2", noise(5000, 3)));
    ASSERT_TRUE(store_->erase({{store_->serial_of(first).value().value(), {first}}}));
  }
};

TEST_F(BeginningTest, TheLogBeginsWithWhatIsThere) {
  live();
  reopen();
  erase_some();
  const auto before = changes();
  const auto events = audit();
  close();
  unmake();
  clock_.advance(std::chrono::hours(24));
  reopen();
  const auto status = store_->evidence().status();
  EXPECT_EQ(status.trouble, "");
  EXPECT_EQ(status.beginning, "");
  EXPECT_EQ(status.began_at, clock_.now());
  EXPECT_EQ(status.changes_before, before.size());
  EXPECT_EQ(audit(), events);
  ASSERT_EQ(changes().size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(changes()[i].copy, before[i].copy) << i;
  EXPECT_THAT(store_->evidence().checkpoint().value(), HasSubstr(fmt::format("\nbegan {}\nbefore {} changes\n", format_rfc3339(clock_.now()), before.size())));
  expect_sound();
  EXPECT_EQ(store_->evidence().status().size, status.size) << "it begins once";

  // And it goes on: mail, erasures of what was there before, and of what is left of what was erased before.
  keep(intake(mail("after"), "Inbox", "item-after"));
  ASSERT_TRUE(move("item-4", "Elsewhere"));
  const auto partly = store_->serial_of(sha256(mail_with_attachment("attached 2", noise(5000, 3), "two", "=_other", 60))).value().value();
  const auto placed = store_->serial_of(sha256(mail("message 4"))).value().value();
  ASSERT_TRUE(store_->erase({{partly, {}}, {placed, {}}}));
  expect_sound();
  for (std::uint64_t leaf = 0; leaf < store_->evidence().status().size; ++leaf) {
    const auto entry = store_->evidence().entry(leaf).value().value();
    EXPECT_EQ(entry.canonical.find(Bytes(sha256(mail("message 4")).view())), Bytes::npos) << leaf;
  }
}

TEST_F(BeginningTest, AProofOfAnOlderMessageSaysSinceWhenItIsOne) {
  live();
  const auto copy = sha256(mail("message 7"));
  const auto arrived = clock_.now() - std::chrono::hours(1);
  unmake();
  clock_.advance(std::chrono::hours(24));
  reopen();
  const auto serial = store_->serial_of(copy).value().value();
  const auto checkpoint = open_checkpoint(store_->evidence().checkpoint().value(), store_->evidence().status().verifier).value();
  const auto proofs = store_->evidence().message(serial, checkpoint.size);
  ASSERT_TRUE(proofs) << proofs.error().message;
  const auto entry = decode_entry(proofs->at(0).entry.canonical).value();
  EXPECT_EQ(entry.copy, copy);
  EXPECT_EQ(entry.at, clock_.now()) << "the log vouches for nothing before it";
  ASSERT_EQ(entry.facts.at(0).type, FactType::earlier);
  EXPECT_EQ(entry.facts.at(0).earlier, arrived);
}

TEST_F(BeginningTest, AKillAtAnyWriteIsGoneOnFrom) {
  live();
  unmake();
  reopen();
  const auto size = store_->evidence().status().size;
  close();
  unmake();
  const auto take = [&] {
    fs::remove_all(folder_.path() / "older");
    fs::copy(tenant(), folder_.path() / "older", fs::copy_options::recursive);
  };
  take();
  int cuts = 0, refusals = 0;
  for (std::uint64_t writes = 0;; writes += 3) {
    fs::remove_all(tenant());
    fs::copy(folder_.path() / "older", tenant(), fs::copy_options::recursive);
    FaultyDisk disk;
    options_.env = disk.env();
    disk.fail_writes_after(writes);
    bool finished = false;
    {
      const auto opened = open();  // It may fail, or go on failing.
      finished = !disk.has_failed();
      if (opened && !(*opened)->evidence().status().beginning.empty()) {
        ++refusals;
        const auto refused = (*opened)->archive({});
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message, HasSubstr("the evidence log of this store is being begun"));
        EXPECT_FALSE((*opened)->erase({{Serial{1}, {}}}));
      }
    }
    disk.lose_power();
    options_.env = nullptr;
    reopen();
    ASSERT_EQ(store_->evidence().status().beginning, "");
    EXPECT_EQ(store_->evidence().status().size, size) << "after " << writes << " writes";
    check();
    close();
    if (finished) break;
    ++cuts;
  }
  EXPECT_GT(cuts, 5);
  EXPECT_GT(refusals, 0);
  reopen();
  expect_sound();
}

TEST_F(BeginningTest, AStoreWithNothingButAuditEventsKeepsThem) {
  ASSERT_TRUE(store_->append_audit(R"({"action":"session.begin"})"));
  close();
  unmake();
  {
    auto database = Database::open(tenant() / "store", tenant_families(), {});
    rocksdb::WriteBatch batch;
    batch.Delete((*database)->family(kMeta), Bytes(kStateKey));
    ASSERT_TRUE((*database)->write(batch));
  }
  reopen();
  EXPECT_THAT(audit(), ::testing::ElementsAre(R"({"action":"session.begin"})"));
  expect_sound();
}

TEST_F(BeginningTest, AStoreOfANewerVersionIsRefusedInWords) {
  keep(intake(mail("first")));
  close();
  {
    auto database = Database::open(tenant() / "store", tenant_families(), {});
    rocksdb::WriteBatch batch;
    batch.Put((*database)->family(kMeta), Bytes(kStateKey), "\x09whatever");
    ASSERT_TRUE((*database)->write(batch));
  }
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid);
  EXPECT_THAT(opened.error().message, HasSubstr("a newer version"));
  options_of_verify_.key = key_;
  EXPECT_THAT(verify().error().message, HasSubstr("a newer version"));
}

// What a released version left on the disk, not what we believe it left.
TEST_F(BeginningTest, AFrozenStoreBeginsItsLog) {
  const auto frozen = fs::path(KOPIAL_SOURCE_DIR) / "tests/storage/data/format-1";
  close();
  fs::remove_all(tenant());
  fs::create_directories(tenant());
  fs::copy(frozen / "store", tenant(), fs::copy_options::recursive);
  key_ = frozen_key();
  options_of_verify_.key = key_;
  const auto unopened = verify();
  ASSERT_FALSE(unopened) << "it has no evidence yet";
  EXPECT_THAT(unopened.error().message, HasSubstr("an older version"));
  reopen();
  EXPECT_EQ(store_->evidence().status().beginning, "");
  EXPECT_EQ(answers_of(*store_), read_file(frozen / "answers.txt", 1 << 20).value());
  expect_sound();
  EXPECT_EQ(answers_of(*store_), read_file(frozen / "answers.txt", 1 << 20).value());
}

}  // namespace
}  // namespace kopial
