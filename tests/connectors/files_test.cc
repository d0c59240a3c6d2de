// Mail in files, as `kopial import` walks it.
#include "connectors/files/reader.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/support/support.h"

namespace kopial {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

struct Read {
  std::map<std::string, std::string> folders;  // of the message whose bytes are the key
  ReadReport report;
};

Read read(const fs::path& start) {
  Read all;
  auto report = read_files(start, 1 << 20, [&](FileMessage message) {
    EXPECT_TRUE(all.folders.emplace(message.raw, message.folder).second) << message.path;
    return Result<void>();
  }, std::stop_token());
  EXPECT_TRUE(report) << report.error().message;
  if (report) all.report = *std::move(report);
  return all;
}

TEST(Files, AMaildirIsReadWithItsFoldersAndWithoutTheIndexOfAMailProgram) {
  TemporaryFolder folder;
  for (const char* part : {"cur", "new", "tmp", ".Sent.2026/cur", ".Sent.2026/new"}) fs::create_directories(folder.path() / part);
  put(folder.path() / "cur/1700000000.a.host:2,S", "Subject: one\r\n\r\n1");
  put(folder.path() / ".Sent.2026/cur/1700000001.b.host:2,S", "Subject: two\r\n\r\n2");
  put(folder.path() / "tmp/1700000002.c.host", "Subject: half writ");
  put(folder.path() / ".notmuch/xapian/postlist.glass", "not mail");
  const auto all = read(folder.path());
  EXPECT_EQ(all.folders, (std::map<std::string, std::string>{{"Subject: one\r\n\r\n1", "Inbox"}, {"Subject: two\r\n\r\n2", "Sent/2026"}}));
  EXPECT_EQ(all.report.messages, 2u);
  EXPECT_TRUE(all.report.findings.empty()) << all.report.findings.front();
}

TEST(Files, WhatIsNoMailIsNamed) {
  TemporaryFolder folder;
  put(folder.path() / "letters/one.eml", "Subject: one\r\n\r\n1");
  put(folder.path() / "letters/notes.txt", "not mail");
  const auto all = read(folder.path());
  EXPECT_EQ(all.folders, (std::map<std::string, std::string>{{"Subject: one\r\n\r\n1", "letters"}}));
  ASSERT_EQ(all.report.findings.size(), 1u);
  EXPECT_NE(all.report.findings.front().find("notes.txt: is neither .eml nor an mbox and was left out"), std::string::npos);
}

}  // namespace
}  // namespace kopial
