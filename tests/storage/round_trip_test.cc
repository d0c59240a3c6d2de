// DESIGN section 2, promise 2: what came in comes out, byte for byte, too odd to parse or not.
#include <gtest/gtest.h>

#include <map>

#include "storage/crypto/digest.h"
#include "tests/storage/mail/shared_corpus.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

class RoundTripTest : public StoreTest {
 protected:
  // Archives in batches, as connectors do.
  void add(const std::string& name, const Bytes& content) {
    names_[sha256(content)] = name;
    bytes_ += content.size();
    auto one = intake(content, "Corpus", name);
    pending_.push_back(std::move(one));
    if (pending_.size() >= 50) flush();
  }
  void flush() {
    const auto done = archive(std::move(pending_));
    ASSERT_TRUE(done) << done.error().message;
    pending_.clear();
  }

  std::vector<Intake> pending_;
  std::map<CopyId, std::string> names_;
  std::uint64_t bytes_ = 0;
};

TEST_F(RoundTripTest, GivesBackEveryEdgeCase) {
  KOPIAL_SKIP_WITHOUT_CORPUS();
  const auto files =
      each_edge_case([&](const std::string& name, const Bytes& content) { add(name, content); });
  flush();
  EXPECT_GT(files, 2'000u);
  reopen();
  EXPECT_EQ(store_->totals().value().copies, names_.size());
  each_edge_case([&](const std::string& name, const Bytes& content) {
    const auto found = store_->raw(sha256(content));
    ASSERT_TRUE(found) << name << ": " << found.error().message;
    ASSERT_TRUE(*found) << name;
    ASSERT_TRUE(**found == content) << name << ": other bytes came back";
  });
  check();
}

// Plain list mail: whole threads quote and carry the same again, so the store must be smaller than
// the mail.
TEST_F(RoundTripTest, GivesBackTheVolumeSetInLessRoom) {
  KOPIAL_SKIP_WITHOUT_CORPUS();
  const auto on_file = [&](const std::string& name, const Bytes& content) { add(name, content); };
  each_message("openwrt-devel.tar.zst", on_file);
  each_message("spamassassin.mbox.zst", on_file);
  flush();
  EXPECT_GT(names_.size(), 1'900u);
  reopen();
  int compared = 0;
  each_message("openwrt-devel.tar.zst", [&](const std::string& name, const Bytes& content) {
    ASSERT_TRUE(store_->raw(sha256(content)).value() == content) << name;
    ++compared;
  });
  EXPECT_EQ(compared, 405);
  check();
  reopen();  // The logs of the first opening are gone: what is left is the store.
  EXPECT_LT(store_->disk_bytes().value(), bytes_ * 3 / 4);
}

}  // namespace
}  // namespace kopial
