// A store and its index in one folder, with a small language for mail and questions.
#pragma once

#include <algorithm>

#include "indexer/index.h"
#include "tests/storage/store_fixture.h"

namespace kopial {

struct Letter {
  std::string subject = "Subject", body = "Body", from = "Alice Example <alice@example.org>", to = "Bob Example <bob@example.net>";
  std::string date = "Tue, 24 Nov 2026 03:59:00 +0000";
  std::string folder = "Inbox";
  ArchiveId archive = kAlice;
  std::string extra_header, content_type = "text/plain; charset=utf-8";
  std::string item;
};

class IndexTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    open_index();
  }
  void TearDown() override {
    index_.reset();
    close();
  }
  void open_index() {
    index_.reset();
    index_options_.clock = &clock_;
    auto opened = Index::open(folder_.path() / "index", *store_, index_options_);
    ASSERT_TRUE(opened) << opened.error().message;
    index_ = *std::move(opened);
  }
  void catch_up() {
    const auto done = index_->catch_up({});
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_EQ(index_->position(), last());
  }
  Serial post(const Letter& letter) {
    const Bytes raw = fmt::format(
        "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@test>\r\n{}MIME-Version: 1.0\r\nContent-Type: {}\r\n\r\n{}\r\n", letter.from,
        letter.to, letter.subject, letter.date, ++letters_, letter.extra_header, letter.content_type, letter.body);
    return keep(intake(raw, letter.folder, letter.item, "c1", letter.archive)).serial;
  }
  SearchResponse search(SearchRequest request) {
    auto found = index_->search(request);
    EXPECT_TRUE(found) << request.query << ": " << found.error().message;
    return found ? *std::move(found) : SearchResponse{};
  }
  SearchResponse search(std::string query) {
    SearchRequest request;
    request.query = std::move(query);
    request.limit = 1000;
    return search(std::move(request));
  }
  std::vector<Serial> hits(std::string query) {
    std::vector<Serial> serials;
    for (const SearchHit& hit : search(std::move(query)).hits) serials.push_back(hit.serial);
    return serials;
  }

  IndexOptions index_options_;
  std::unique_ptr<Index> index_;
  int letters_ = 0;
};

}  // namespace kopial
