// A store in which something has happened, and what is needed to verify it.
#pragma once

#include "storage/evidence/verify.h"
#include "tests/storage/store_fixture.h"

namespace kopial {

class LivedStoreTest : public StoreTest {
 protected:
  // A small store in which everything has happened that can happen to mail.
  void live() {
    std::vector<Intake> many;
    for (int i = 0; i < 40; ++i) many.push_back(intake(mail(fmt::format("message {}", i)), i % 3 == 0 ? "Inbox" : "Projects", fmt::format("item-{}", i)));
    ASSERT_TRUE(archive(std::move(many)));
    for (int i = 0; i < 6; ++i) {
      const auto content = noise(5000, static_cast<std::uint64_t>(i % 3 + 1));
      keep(intake(mail_with_attachment(fmt::format("attached {}", i), content), "Inbox", fmt::format("large-{}", i)));
      keep(intake(mail_with_attachment(fmt::format("attached {}", i), content, "two", "=_other", 60), "Sent", "", "c1", kBob));
    }
    clock_.advance(std::chrono::hours(1));
    ASSERT_TRUE(move("item-1", "Archive"));
    ASSERT_TRUE(move("item-2", "Archive", "item-2-new"));
    ASSERT_TRUE(vanish("item-3"));
    Batch batch;
    batch.cursors.push_back({{kProfile, "mailbox-1", ""}, "delta-1"});
    batch.cursors.push_back({{kProfile, "mailbox-1", "Inbox"}, "delta-2"});
    batch.quarantined.push_back({kProfile, "mailbox-1", "odd-1", "Inbox", kAlice, "cannot be read", "odd bytes"});
    ASSERT_TRUE(store_->archive(std::move(batch)));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(store_->append_audit(fmt::format(R"({{"action":"message.view","object":"{}"}})", i)));
    std::vector<Intake> more;
    for (int i = 0; i < 200; ++i) more.push_back(intake(mail(fmt::format("more {}", i)), "Inbox"));
    ASSERT_TRUE(archive(std::move(more)));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(store_->records().put("grant", fmt::format("grant-{}", i), fmt::format(R"({{"user":"user-{}"}})", i)));
    ASSERT_TRUE(store_->records().put("grant", "grant-1", R"({"user":"user-1","until":"2027-01-01T00:00:00Z"})"));
    ASSERT_TRUE(store_->records().remove("grant", "grant-2"));
    checkpoint_ = store_->evidence().checkpoint().value();
    options_of_verify_.key = key_;
    options_of_verify_.verifier = store_->evidence().status().verifier;
    options_of_verify_.checkpoints = {{"the checkpoint", checkpoint_}};
    options_of_verify_.all_signed = true;
    check();
    close();
  }
  Result<VerifyReport> verify() { return verify_folder(folder_.path() / "tenant", options_of_verify_); }

  std::string checkpoint_;
  VerifyOptions options_of_verify_;
};

}  // namespace kopial
