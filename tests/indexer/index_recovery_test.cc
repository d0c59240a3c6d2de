#include <gmock/gmock.h>

#include <fstream>

#include "tests/indexer/index_fixture.h"
#include "tests/support/traces.h"

namespace kopial {
namespace {

using ::testing::ElementsAre;

struct Answers {
  std::vector<Serial> words, all, dated;
  std::uint64_t partial = 0;
  bool operator==(const Answers&) const = default;
};

class IndexRecoveryTest : public IndexTest {
 protected:
  Answers answers() { return {hits("message"), hits(""), hits("date:2023 seven*"), search("").coverage.partial}; }
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      post({.subject = fmt::format("message {}", i), .body = i % 7 == 0 ? "sevenths of all" : "some text",
            .date = fmt::format("Tue, 14 Nov 2023 10:{:02}:{:02} +0000", i / 60 % 60, i % 60)});
    }
  }
  void reopen_all() {
    index_.reset();
    reopen();
    open_index();
  }
};

TEST_F(IndexRecoveryTest, GivesTheSameAnswersAfterItsFolderIsGone) {
  fill(120);
  catch_up();
  const Answers before = answers();
  EXPECT_EQ(before.all.size(), 120u);
  index_.reset();
  std::filesystem::remove_all(folder_.path() / "index");
  open_index();
  EXPECT_EQ(search("").coverage.pending, 120u) << "and says so meanwhile";
  catch_up();
  EXPECT_EQ(answers(), before);
}

TEST_F(IndexRecoveryTest, GoesOnWhereItStopped) {
  index_options_.documents_per_commit = 10;
  open_index();
  fill(100);
  std::stop_source stop;
  stop.request_stop();
  ASSERT_TRUE(index_->catch_up(stop.get_token()));
  EXPECT_EQ(to_number(index_->position()), 0u);
  reopen_all();
  catch_up();
  fill(50);
  reopen_all();
  catch_up();
  EXPECT_EQ(search("").total, 150u);
  EXPECT_EQ(hits("message").size(), 150u);
}

TEST_F(IndexRecoveryTest, BuildsADamagedIndexAnew) {
  fill(40);
  catch_up();
  const Answers before = answers();
  index_.reset();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "index")) {
    if (entry.path().extension() == ".glass" && entry.path().filename().string().starts_with("postlist")) {
      std::ofstream(entry.path(), std::ios::binary) << "rubbish";
    }
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "index")) {
    if (entry.path().filename() == "iamglass") std::ofstream(entry.path(), std::ios::binary) << "rubbish";
  }
  open_index();
  catch_up();
  EXPECT_EQ(answers(), before);
}

TEST_F(IndexRecoveryTest, DropsAnIndexThatIsAheadOfItsStore) {
  fill(20);
  catch_up();
  index_.reset();
  close();
  std::filesystem::remove_all(folder_.path() / "tenant");  // the store was put back to an earlier day; the index was not
  reopen();
  fill(3);
  open_index();
  catch_up();
  EXPECT_EQ(search("").total, 3u);
}

TEST_F(IndexRecoveryTest, StartsNewShardsAndSealsFullOnes) {
  index_options_.shard_messages_max = 20;  // two lanes: forty messages a generation
  index_options_.documents_per_commit = 8;
  open_index();
  fill(130);
  const Serial early = post({.subject = "message early", .body = "findme", .item = "early"});
  catch_up();
  EXPECT_EQ(search("").total, 131u);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "index" / "shard-3-0"));
  // A change to a message of a sealed shard.
  post({.body = "push"});
  ASSERT_TRUE(move("early", "Elsewhere"));
  fill(60);
  catch_up();
  EXPECT_THAT(hits("folder:elsewhere"), ElementsAre(early));
  const Answers before = answers();
  reopen_all();
  EXPECT_EQ(answers(), before);
  catch_up();
  EXPECT_EQ(answers(), before);
}

// A kill between the two renames of a sealing leaves the database under its old name only.
TEST_F(IndexRecoveryTest, MendsAnInterruptedSealing) {
  fill(30);
  catch_up();
  const Answers before = answers();
  index_.reset();
  const auto shard = folder_.path() / "index" / "shard-0-0";
  std::filesystem::rename(shard, shard.string() + ".old");
  std::filesystem::create_directory(shard.string() + ".compact");
  open_index();
  catch_up();
  EXPECT_EQ(answers(), before);
  EXPECT_FALSE(std::filesystem::exists(shard.string() + ".compact"));
}

TEST_F(IndexRecoveryTest, ForgetsAnErasedMessageAndItsWords) {
  const Serial gone = post({.subject = "Zyklamenkongress", .body = "quittenbaumige Zyklamen", .item = "gone"});
  fill(60);
  catch_up();
  EXPECT_THAT(hits("zyklamenkongress"), ElementsAre(gone));
  ASSERT_TRUE(store_->erase({{gone, {}}}));
  const auto waiting = search("").coverage;
  EXPECT_EQ(waiting.pending, 0u) << "nothing is waited for";
  catch_up();
  EXPECT_TRUE(hits("zyklamenkongress").empty());
  EXPECT_EQ(search("").total, 60u);
  const Answers before = answers();

  // Xapian leaves bytes in free blocks, and the table of word forms knows the word: both go with the compaction.
  const std::vector<std::string> words = {"zyklamenkongress", "quittenbaumig", "zyklam"};
  ASSERT_FALSE(found_in(folder_.path() / "index", words).empty()) << "the control: until then they are on the disk";
  ASSERT_TRUE(index_->compact({}));
  EXPECT_THAT(found_in(folder_.path() / "index", words), ::testing::IsEmpty());
  EXPECT_EQ(answers(), before);
  post({.subject = "Zyklamenkongress", .body = "again"});
  fill(3);
  catch_up();
  EXPECT_EQ(hits("zyklamenkongress").size(), 1u) << "a compacted shard goes on";
  reopen_all();
  EXPECT_EQ(search("").total, 64u);
}

TEST_F(IndexRecoveryTest, AnErasureBeforeItsMessageWasIndexed) {
  fill(5);
  const Serial gone = post({.subject = "gone"});
  ASSERT_TRUE(store_->erase({{gone, {}}}));
  EXPECT_EQ(search("").coverage.pending, 5u);
  catch_up();
  EXPECT_EQ(search("").total, 5u);
}

TEST_F(IndexRecoveryTest, BuildsAnewWhenItsShapeChanges) {
  fill(30);
  catch_up();
  const Answers before = answers();
  index_options_.languages = {"french"};
  open_index();
  EXPECT_EQ(to_number(index_->position()), 0u);
  catch_up();
  EXPECT_EQ(answers().all, before.all);
}

}  // namespace
}  // namespace kopial
