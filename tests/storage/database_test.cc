#include "storage/database.h"

#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace kopial {
namespace {

constexpr std::size_t kFirst = 0, kSecond = 1;

// Once a log is closed and synced, the manifest names it. A reader must take that as it is: a backup opens its copy to read, and the
// daemon must not end over it.
TEST(DatabaseTest, PeeksIntoAStoreWhoseManifestNamesItsLogs) {
  TemporaryFolder folder;
  const std::vector<FamilySpec> families{{"default", FamilyKind::rows}, {"second", FamilyKind::rows}};
  auto opened = Database::open(folder.path() / "store", families, {});
  ASSERT_TRUE(opened) << opened.error().message;
  auto& database = **opened;
  const auto write = [&](std::string_view value) {
    rocksdb::WriteBatch batch;
    batch.Put(database.family(kFirst), "key", rocksdb::Slice(value.data(), value.size()));
    batch.Put(database.family(kSecond), "key", rocksdb::Slice(value.data(), value.size()));
    ASSERT_TRUE(database.write(batch));
  };
  write("one");
  // Flushing one family alone begins a new log, while the other family still needs the old one.
  ASSERT_TRUE(database.rocks().Flush({}, database.family(kFirst)).ok());
  write("two");
  const auto found = Database::peek(folder.path() / "store", "second", "key");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, "two");
}

}  // namespace
}  // namespace kopial
