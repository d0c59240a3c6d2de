// Single bits turned over in each kind of file: none of them may ever be served as mail, and each must be found.
//
// KOPIAL_FAULT_FLIPS (12): how many in each kind. The long run takes 300.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "storage/crypto/digest.h"
#include "tests/faults/cycles.h"
#include "tests/faults/workload.h"
#include "tests/support/flips.h"
#include "tests/support/support.h"

namespace kopial::faults {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kLetters = 120;
constexpr std::uint64_t kInLog = 40;  // of them, that are only in the log

struct Verdict {
  bool found = false;        // refused at opening, or named by a scrub or a check
  std::string wrong;         // "" or what was served and is not true
  std::uint64_t lost = 0;    // letters that are not there, though nobody said so
};

class FlipsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    initialise();
    pristine_ = new TemporaryFolder();
    auto opened = open(pristine_->path() / "tenant");
    ASSERT_TRUE(opened) << opened.error().message;
    for (std::uint64_t number = 1; number <= kLetters; ++number) {
      Batch batch;
      batch.messages = {intake_of(number)};
      ASSERT_TRUE(opened->store->archive(std::move(batch)));
      if (number == kLetters - kInLog) {
        ASSERT_TRUE(opened->store->compact());
      }
    }
    ASSERT_TRUE(opened->index->catch_up({}));
  }
  static void TearDownTestSuite() { delete pristine_; }

  // Opens a copy of the store after `damage` and reads everything there is.
  template <typename Damage>
  Verdict read_all_after(Damage damage) {
    const TemporaryFolder folder;
    const auto tenant = folder.path() / "tenant";
    fs::copy(pristine_->path() / "tenant", tenant, fs::copy_options::recursive);
    damage(tenant);
    Verdict verdict;
    auto opened = open(tenant);
    if (!opened) {
      verdict.found = true;
      return verdict;
    }
    auto& store = *opened->store;
    bool error = false;
    for (std::uint64_t number = 1; number <= kLetters; ++number) {
      const auto bytes = letter(number);
      const auto raw = store.raw(sha256(bytes));
      if (!raw) error = true;
      else if (!*raw) ++verdict.lost;
      else if (**raw != bytes) verdict.wrong = fmt::format("letter {} was served with other bytes", number);
    }
    for (std::uint64_t serial = 1; serial <= kLetters; ++serial) {
      auto record = store.message(Serial{serial});
      if (!record) error = true;
      else if (*record && !is_true(**record)) verdict.wrong = fmt::format("message {} was served with other words", serial);
    }
    const auto scrubbed = store.scrub({});
    const auto checked = store.check();
    verdict.found = error || !scrubbed || scrubbed->damaged > 0 || !checked || !checked->empty();
    return verdict;
  }

  static bool is_true(const MessageRecord& record) {
    static const auto* const known = [] {
      auto* copies = new std::set<CopyId>();
      for (std::uint64_t number = 1; number <= kLetters; ++number) copies->insert(sha256(letter(number)));
      return copies;
    }();
    return record.summary.subject.starts_with("letter ") && record.summary.message_id == record.summary.subject.substr(7) + "@example.org" &&
           std::all_of(record.copies.begin(), record.copies.end(), [&](const CopyId& id) { return known->contains(id); });
  }

  // Flips a bit in files with one of these endings, again and again. Those that were neither found nor harmless are told.
  void flip(const std::vector<std::string>& endings, const fs::path& below = "store") {
    const int flips = cycles("KOPIAL_FAULT_FLIPS", 12);
    Flipper flipper(static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()) + 1);
    int found = 0;
    for (int i = 0; i < flips; ++i) {
      Flip flip;
      const auto verdict = read_all_after([&](const fs::path& tenant) { flip = flipper.flip_somewhere(tenant / below, endings); });
      EXPECT_EQ(verdict.wrong, "") << flip.text();
      EXPECT_TRUE(verdict.found) << flip.text() << ": nobody noticed; " << verdict.lost << " letters are gone";
      found += verdict.found ? 1 : 0;
    }
    fmt::print("{} flips in {}: {} found\n", flips, fmt::join(endings, " "), found);
  }

  static inline TemporaryFolder* pristine_ = nullptr;
};

TEST_F(FlipsTest, ControlWithoutDamageIsWell) {
  const auto verdict = read_all_after([](const fs::path&) {});
  EXPECT_FALSE(verdict.found);
  EXPECT_EQ(verdict.wrong, "");
  EXPECT_EQ(verdict.lost, 0u);
}

TEST_F(FlipsTest, InTablesAreFound) { flip({".sst"}); }
TEST_F(FlipsTest, InBlobFilesAreFound) { flip({".blob"}); }

// Xapian has no checksums, so the index is compared with the store: whatever it answers, it names messages of the store and no others, or
// it is built anew.
TEST_F(FlipsTest, InTheIndexServeNoMessageThatIsNotThere) {
  const int flips = cycles("KOPIAL_FAULT_FLIPS", 12);
  Flipper flipper(static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()) + 2);
  for (int i = 0; i < flips; ++i) {
    Flip flip;
    const auto verdict = read_all_after([&](const fs::path& tenant) { flip = flipper.flip_somewhere(tenant / "index", {".glass", "iamglass"}); });
    EXPECT_EQ(verdict.wrong, "") << flip.text();
    EXPECT_FALSE(verdict.found) << flip.text() << ": the store is well";
  }
}

}  // namespace
}  // namespace kopial::faults
