#include "storage/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>

#include "tests/support/support.h"

namespace kopial {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  std::filesystem::path path(std::string_view name) const { return folder_.path() / name; }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  TemporaryFolder folder_;
};

TEST_F(FilesTest, ReadsBackWhatItWrote) {
  Bytes large(3'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 + i / 251);
  for (const Bytes& content : {Bytes(), Bytes("a\0b", 3), large}) {
    ASSERT_TRUE(write_file_durably(path("file"), content));
    EXPECT_EQ(read_file(path("file"), content.size()).value(), content);
    EXPECT_EQ(files(), 1u) << "no temporary file stays";
  }
}

TEST_F(FilesTest, SetsTheModeWhateverWasThereBefore) {
  std::ofstream(path("file")) << "old";
  ASSERT_EQ(::chmod(path("file").c_str(), 0666), 0);
  ASSERT_TRUE(write_file_durably(path("file"), "new"));
  struct stat info {};
  ASSERT_EQ(::stat(path("file").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(write_file_durably(path("file"), "newer", 0640));
  ASSERT_EQ(::stat(path("file").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(FilesTest, KeepsTheOldContentWhenItCannotWrite) {
  ASSERT_TRUE(write_file_durably(path("file"), "old"));
  std::filesystem::create_directory(path("file.new"));  // The temporary file cannot be made.
  EXPECT_FALSE(write_file_durably(path("file"), "new"));
  EXPECT_EQ(read_file(path("file"), 100).value(), "old");
  EXPECT_EQ(write_file_durably(path("none/file"), "x").error().code, ErrorCode::not_found);
}

// /dev/full takes no byte: what could not be written is not taken for written.
TEST_F(FilesTest, SaysThatTheDiskIsFull) {
  std::filesystem::create_symlink("/dev/full", path("file.new"));
  const auto written = write_file_durably(path("file"), "content");
  ASSERT_FALSE(written);
  EXPECT_FALSE(std::filesystem::exists(path("file")));
  EXPECT_EQ(written.error().code, ErrorCode::disk_full) << written.error().message;
}

TEST_F(FilesTest, NamesWhatIsWrong) {
  EXPECT_EQ(read_file(path("none"), 10).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_file(folder_.path(), 10).error().code, ErrorCode::invalid);
  ASSERT_TRUE(write_file_durably(path("file"), "0123456789"));
  EXPECT_EQ(read_file(path("file"), 9).error().code, ErrorCode::too_large);
  EXPECT_TRUE(read_file(path("file"), 10));
  EXPECT_NE(read_file(path("none"), 10).error().message.find("none"), std::string::npos);
  EXPECT_TRUE(sync_folder(folder_.path()));
  EXPECT_EQ(sync_folder(path("none")).error().code, ErrorCode::not_found);
}

// The limit counts before memory is taken: a file of four terabytes on paper must be refused, not
// reserved for.
TEST_F(FilesTest, RefusesAHugeFileAtOnce) {
  std::ofstream(path("file")) << "x";
  std::error_code error;
  std::filesystem::resize_file(path("file"), 4ull << 40, error);
  if (error)
    GTEST_SKIP() << "SKIPPED: this file system has no sparse files of 4 TiB: " << error.message();
  const auto read = read_file(path("file"), 1 << 20);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::too_large);
}

TEST(ErrnoErrorTest, SaysWhatToDoNext) {
  constexpr std::pair<int, ErrorCode> kTable[] = {
      {ENOSPC, ErrorCode::disk_full}, {EDQUOT, ErrorCode::disk_full},
      {ENOENT, ErrorCode::not_found}, {EACCES, ErrorCode::denied},
      {EIO, ErrorCode::unavailable},  {EROFS, ErrorCode::unavailable}};
  for (const auto& [number, code] : kTable) {
    const auto error = errno_error(number, "write", "/some/file");
    EXPECT_EQ(error.code, code);
    EXPECT_TRUE(error.message.starts_with("write /some/file: ")) << error.message;
  }
}

}  // namespace
}  // namespace kopial
