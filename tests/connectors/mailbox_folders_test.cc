#include "connectors/mailbox_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace kopial {
namespace {

using testing::ElementsAre;

// Remembers where each archived item lies, as a store would.
class RememberingSink final : public EventSink {
 public:
  Result<Known> known(const SourceItem&) override { return Known::no; }
  Result<void> message(SourceItem item, Bytes) override {
    lies[item.id] = item.folder;
    return {};
  }
  Result<void> moved(const std::string& old_id, const SourceItem& item) override {
    lies.erase(old_id);
    lies[item.id] = item.folder;
    return {};
  }
  Result<void> vanished(const std::string& item, const std::string&) override {
    lies.erase(item);
    return {};
  }
  Result<void> quarantined(const SourceItem&, std::string, Bytes) override { return {}; }
  Result<void> failed(const SourceItem&, const Error&) override { return {}; }
  Result<std::vector<std::string>> archived(const std::string& folder, const std::string& after, std::size_t limit) override {
    std::vector<std::string> items;
    for (const auto& [item, path] : lies) {
      if (path == folder && item > after && items.size() < limit) items.push_back(item);
    }
    return items;
  }
  Result<std::string> cursor(const std::string& folder) override { return cursors[folder]; }
  Result<void> save_cursor(const std::string& folder, std::string value) override {
    cursors[folder] = std::move(value);
    return {};
  }
  void expected(std::uint64_t) override {}

  std::map<std::string, std::string> lies, cursors;
};

TEST(MailboxFoldersTest, KeepsASlashInsideANameApart) {
  const auto path = path_name("A/B") + "/" + path_name("C");
  EXPECT_EQ(path, "A%2FB/C");
  EXPECT_THAT(names_of_path(path), ElementsAre("A/B", "C"));
  EXPECT_THAT(names_of_path("/x//y/"), ElementsAre("x", "y"));
}

TEST(MailboxFoldersTest, ExcludesWhatLiesBelow) {
  EXPECT_TRUE(is_chosen("Inbox", {}, {}));
  EXPECT_FALSE(is_chosen("Junk/Old", {"Junk"}, {}));
  EXPECT_TRUE(is_chosen("Junkyard", {"Junk"}, {}));
  EXPECT_FALSE(is_chosen("Other", {}, {"Inbox"}));
  EXPECT_FALSE(is_chosen("Inbox/Secret", {"Inbox/Secret"}, {"Inbox"}));
}

TEST(MailboxFoldersTest, FollowsTwoFoldersThatChangedTheirNamesWithEachOther) {
  RememberingSink sink;
  sink.lies = {{"one", "A"}, {"two", "B"}, {"three", "C"}};
  ASSERT_TRUE(follow_renames(sink, {{"1", "A"}, {"2", "B"}, {"3", "C"}}, {{"1", "B"}, {"2", "A"}, {"3", "C"}}).ok());
  EXPECT_EQ(sink.lies, (std::map<std::string, std::string>{{"one", "B"}, {"two", "A"}, {"three", "C"}}));
}

TEST(MailboxFoldersTest, ClosesRemovedFoldersUnlessAnotherHasTakenTheirPath) {
  RememberingSink sink;
  sink.lies = {{"one", "Gone"}, {"two", "Made anew"}};
  sink.cursors = {{"1", "x"}, {"2", "x"}};
  ASSERT_TRUE(close_removed(sink, {{"1", "Gone"}, {"2", "Made anew"}}, {{"3", "Made anew"}}).ok());
  EXPECT_EQ(sink.lies, (std::map<std::string, std::string>{{"two", "Made anew"}}));
  EXPECT_EQ(sink.cursors, (std::map<std::string, std::string>{{"1", ""}, {"2", ""}}));
}

TEST(MailboxFoldersTest, OneFolderThatFailsEndsTheOthers) {
  std::stop_source stop;
  std::atomic<int> pulled = 0;
  std::set<std::string> ids;
  FolderPaths paths;
  for (int i = 0; i < 100; ++i) {
    ids.insert(std::to_string(i));
    paths[std::to_string(i)] = "folder " + std::to_string(i);
  }
  const auto done = pull_folders(ids, paths, stop, [&](const std::string&, const std::string&) -> Result<void> {
    const int number = ++pulled;
    if (number == 10) return Error{ErrorCode::unavailable, "no more"};
    while (number > 10 && !stop.stop_requested()) std::this_thread::yield();
    return {};
  });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(stop.stop_requested());
  EXPECT_LE(pulled, 12);  // Three at a time.
}

}  // namespace
}  // namespace kopial
