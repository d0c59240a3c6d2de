#include "storage/system_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <thread>

#include "storage/base/files.h"
#include "tests/support/support.h"

namespace kopial {
namespace {

class SystemStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = SystemStore::open(folder_.path() / "system", key_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  Records& records() { return store_->records(); }
  std::vector<std::string> ids(std::string_view kind, std::string_view after = "", std::size_t limit = 100) {
    std::vector<std::string> found;
    const auto listed = records().list(kind, after, limit);
    EXPECT_TRUE(listed);
    for (const auto& record : *listed) found.push_back(record.id);
    return found;
  }
  // Whether any file of the store holds `text` in the clear.
  bool on_disk(std::string_view text) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      if (read_file(entry.path(), 1 << 30)->find(text) != Bytes::npos) return true;
    }
    return false;
  }

  TemporaryFolder folder_;
  const Secret key_{std::string(32, 'k')};
  std::unique_ptr<SystemStore> store_;
};

TEST_F(SystemStoreTest, KeepsRecordsAcrossAReopen) {
  ASSERT_TRUE(records().put("tenant", "acme", R"({"name":"Acme"})"));
  reopen();
  const auto record = records().get("tenant", "acme").value();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->id, "acme");
  EXPECT_EQ(record->revision, 1u);
  EXPECT_EQ(record->json, R"({"name":"Acme"})");
  EXPECT_FALSE(records().get("user", "acme").value());
  EXPECT_FALSE(records().get("tenant", "other").value());
}

TEST_F(SystemStoreTest, ComparesRevisions) {
  ASSERT_TRUE(records().put("tenant", "a", "1", 0));
  EXPECT_EQ(records().put("tenant", "a", "2", 0).error().code, ErrorCode::conflict);
  ASSERT_TRUE(records().put("tenant", "a", "2", 1));
  EXPECT_EQ(records().put("tenant", "a", "3", 1).error().code, ErrorCode::conflict);
  EXPECT_EQ(records().get("tenant", "a").value()->revision, 2u);
  EXPECT_EQ(records().put("tenant", "b", "1", 7).error().code, ErrorCode::conflict);
  EXPECT_EQ(records().put("tenant", "", "1").error().code, ErrorCode::invalid);
  EXPECT_EQ(records().put("tenant", std::string(513, 'x'), "1").error().code, ErrorCode::invalid);
}

TEST_F(SystemStoreTest, WritesAllOrNothing) {
  ASSERT_TRUE(records().put("tenant", "a", "1"));
  const auto both = records().write({{"tenant", "b", "1", 0}, {"tenant", "a", "2", 9}});
  EXPECT_EQ(both.error().code, ErrorCode::conflict);
  EXPECT_FALSE(records().get("tenant", "b").value());
  // Later writes of one call see the earlier ones.
  ASSERT_TRUE(records().write({{"tenant", "c", "1", 0}, {"tenant", "c", "2", 1}, {"tenant", "a", std::nullopt, 1}}));
  EXPECT_EQ(records().get("tenant", "c").value()->json, "2");
  EXPECT_FALSE(records().get("tenant", "a").value());
}

TEST_F(SystemStoreTest, ListsInTheOrderOfCreation) {
  for (const char* id : {"zebra", "ant", "mouse", "bee"}) ASSERT_TRUE(records().put("tenant", id, id));
  ASSERT_TRUE(records().put("other", "x", "x"));
  ASSERT_TRUE(records().put("tenant", "ant", "changed"));
  ASSERT_TRUE(records().remove("tenant", "mouse"));
  reopen();
  EXPECT_EQ(ids("tenant"), (std::vector<std::string>{"zebra", "ant", "bee"}));
  EXPECT_EQ(ids("tenant", "", 1), (std::vector<std::string>{"zebra"}));
  EXPECT_EQ(ids("tenant", "zebra", 1), (std::vector<std::string>{"ant"}));
  EXPECT_EQ(ids("tenant", "bee"), std::vector<std::string>{});
  EXPECT_EQ(records().list("tenant", "mouse", 5).error().code, ErrorCode::not_found);
}

TEST_F(SystemStoreTest, NeverGivesANumberTwice) {
  std::set<std::uint64_t> given;
  std::mutex mutex;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          const auto number = records().next_number("archive").value();
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(given.insert(number).second);
        }
      });
    }
    threads.clear();
    reopen();
  }
  EXPECT_EQ(given.size(), 160u);
  EXPECT_EQ(*given.begin(), 1u);
  EXPECT_EQ(*given.rbegin(), 160u);
  EXPECT_EQ(records().next_number("profile").value(), 1u);
}

TEST_F(SystemStoreTest, SealsRecordsAtRest) {
  ASSERT_TRUE(records().put("credential", "alice@example.org", R"({"password":"correct-horse"})"));
  EXPECT_FALSE(on_disk("correct-horse"));
  EXPECT_FALSE(on_disk("alice@example.org"));
  EXPECT_FALSE(on_disk("credential"));
  reopen();  // Now it lies in a table file, and no longer in the log alone.
  EXPECT_FALSE(on_disk("correct-horse"));
  EXPECT_FALSE(on_disk("alice@example.org"));
}

TEST_F(SystemStoreTest, RefusesAnotherMasterKey) {
  store_.reset();
  const auto other = SystemStore::open(folder_.path() / "system", Secret(std::string(32, 'x')));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::invalid);
  EXPECT_NE(other.error().message.find("another key"), std::string::npos) << other.error().message;
  reopen();  // The right key still opens it.
}

TEST_F(SystemStoreTest, RefusesASecondOpener) {
  const auto second = SystemStore::open(folder_.path() / "system", key_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict) << second.error().message;
}

TEST_F(SystemStoreTest, BindsAWrappedKeyToItsTenant) {
  const auto wrapped = store_->make_wrapped_key("acme").value();
  const auto key = store_->unwrap_key("acme", wrapped);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->reveal().size(), 32u);
  EXPECT_NE(store_->unwrap_key("acme", store_->make_wrapped_key("acme").value())->reveal(), key->reveal());
  EXPECT_EQ(store_->unwrap_key("other", wrapped).error().code, ErrorCode::corrupt);
  EXPECT_EQ(store_->unwrap_key("acme", "not base64!").error().code, ErrorCode::corrupt);
}

TEST(MasterKeyTest, IsMadeOnceAndGuarded) {
  TemporaryFolder folder;
  const auto path = folder.path() / "keys" / "master.key";
  EXPECT_EQ(load_master_key(path, false).error().code, ErrorCode::not_found);
  const auto made = load_master_key(path, true);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->reveal().size(), 32u);
  EXPECT_EQ(load_master_key(path, false)->reveal(), made->reveal());
  EXPECT_EQ(load_master_key(path, true)->reveal(), made->reveal());
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(load_master_key(path, true).error().code, ErrorCode::invalid);
  for (const std::size_t size : {std::size_t{0}, std::size_t{31}, std::size_t{33}}) {
    ASSERT_TRUE(write_file_durably(path, std::string(size, 'k')));
    EXPECT_EQ(load_master_key(path, true).error().code, ErrorCode::invalid) << size;
  }
}

}  // namespace
}  // namespace kopial
