#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "tests/indexer/index_fixture.h"

namespace kopial {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST_F(IndexTest, FindsWordsPhrasesAndPrefixes) {
  const Serial one = post({.subject = "Quarterly invoice", .body = "Please find the invoices attached.\r\nRegards"});
  const Serial two = post({.subject = "Rechnung für März", .body = "Die Häuser und das Haus; Grüße aus München"});
  catch_up();
  EXPECT_THAT(hits("invoice"), ElementsAre(one));
  EXPECT_THAT(hits("INVOICES"), ElementsAre(one)) << "word forms";
  EXPECT_THAT(hits("rechnungen"), ElementsAre(two)) << "a German noun in the plural";
  EXPECT_THAT(hits("grusse munchen"), ElementsAre(two)) << "accents folded";
  EXPECT_THAT(hits("\"invoices attached\""), ElementsAre(one));
  EXPECT_THAT(hits("\"attached invoices\""), IsEmpty());
  EXPECT_THAT(hits("\"invoice attached\""), IsEmpty()) << "a phrase is literal";
  EXPECT_THAT(hits("quart*"), ElementsAre(one));
  EXPECT_THAT(hits("find NEAR/3 attached"), ElementsAre(one));
  EXPECT_THAT(hits("please NEAR/2 attached"), IsEmpty());
  EXPECT_THAT(hits("invoice OR rechnung"), UnorderedElementsAre(one, two));
  EXPECT_THAT(hits("-invoice"), ElementsAre(two));
  EXPECT_THAT(hits("nowhere"), IsEmpty());
  EXPECT_EQ(search("").total, 2u);
}

TEST_F(IndexTest, KnowsTheFields) {
  const Serial one = post({.subject = "Budget", .body = "numbers", .from = "Anna Schmidt <anna.schmidt@example.org>", .to = "carl@sub.example.com",
                           .date = "Mon, 15 Jan 2024 10:00:00 +0100", .folder = "Projects/2024", .extra_header = "Cc: dora@example.org\r\n"});
  const Serial two = post({.subject = "Lunch", .body = "budget is a word here", .from = "carl@sub.example.com", .to = "anna.schmidt@example.org",
                           .date = "Tue, 20 Feb 2024 10:00:00 +0100", .folder = "Inbox", .archive = kBob});
  catch_up();
  EXPECT_THAT(hits("from:anna"), ElementsAre(one));
  EXPECT_THAT(hits("from:anna.schmidt@example.org"), ElementsAre(one));
  EXPECT_THAT(hits("from:\"anna schmidt\""), ElementsAre(one));
  EXPECT_THAT(hits("to:anna"), ElementsAre(two));
  EXPECT_THAT(hits("cc:dora"), ElementsAre(one));
  EXPECT_THAT(hits("participants:carl"), UnorderedElementsAre(one, two));
  EXPECT_THAT(hits("domain:sub.example.com"), UnorderedElementsAre(one, two));
  EXPECT_THAT(hits("subject:budget"), ElementsAre(one));
  EXPECT_THAT(hits("budget"), UnorderedElementsAre(one, two));
  EXPECT_THAT(hits("message-id:1@test"), ElementsAre(one));
  EXPECT_THAT(hits("date:2024-01"), ElementsAre(one));
  EXPECT_THAT(hits("after:2024-02-01"), ElementsAre(two));
  EXPECT_THAT(hits("before:2024-02-20"), ElementsAre(one));
  EXPECT_THAT(hits("date:2024-01..2024-02"), ElementsAre(two, one)) << "newest first";
  EXPECT_THAT(hits("folder:projects"), ElementsAre(one)) << "and below";
  EXPECT_THAT(hits("folder:2024"), ElementsAre(one)) << "by its last name";
  EXPECT_THAT(hits("folder:projects/2024"), ElementsAre(one));
  EXPECT_THAT(hits("size:<100KB"), UnorderedElementsAre(one, two));
  EXPECT_THAT(hits("size:>100KB"), IsEmpty());
}

TEST_F(IndexTest, ReadsHtmlNestedMailAndAttachmentNames) {
  const Serial html = post({.body = "<html><style>hidden{}</style><p>visible <b>par</b>agraph</p></html>", .content_type = "text/html"});
  const Serial nested = post({.body = "--b\r\nContent-Type: text/plain\r\n\r\nouter\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
                                      "From: inner@example.org\r\nSubject: nestedsubject\r\n\r\ninnermost words\r\n--b\r\n"
                                      "Content-Type: application/pdf; name=\"Vertrag_final.pdf\"\r\n\r\n%PDF\r\n--b--",
                              .content_type = "multipart/mixed; boundary=b"});
  catch_up();
  EXPECT_THAT(hits("\"visible paragraph\""), ElementsAre(html));
  EXPECT_THAT(hits("hidden"), IsEmpty());
  EXPECT_THAT(hits("innermost"), ElementsAre(nested));
  EXPECT_THAT(hits("nestedsubject"), ElementsAre(nested));
  EXPECT_THAT(hits("subject:nestedsubject"), IsEmpty()) << "the field is the message's own";
  EXPECT_THAT(hits("filename:vertrag"), ElementsAre(nested));
  EXPECT_THAT(hits("type:pdf"), ElementsAre(nested));
  EXPECT_THAT(hits("has:attachment"), ElementsAre(nested));
  EXPECT_THAT(hits("is:partial"), ElementsAre(nested)) << "nobody looked into the PDF, and the answer says so";
  EXPECT_EQ(search("outer").coverage.partial, 1u);
}

// Another tenant's user must not learn, by any number, what lies in an archive he may not see.
TEST_F(IndexTest, CountsOnlyWhatTheCallerMaySee) {
  const Bytes shared = mail("a shared secret");
  keep(intake(shared, "Inbox", "", "c", kAlice));
  keep(intake(shared, "Confidential", "", "c", kBob));
  post({.body = "only bob knows", .folder = "Inbox", .archive = kBob});
  catch_up();
  SearchRequest request;
  request.scope.archives = std::vector<ArchiveId>{kAlice};
  request.scope.resolve_archive = [](const std::string& name) {
    return name == "bob" ? std::vector<ArchiveId>{kBob} : std::vector<ArchiveId>{kAlice};
  };
  const auto total = [&](std::string query) {
    request.query = std::move(query);
    return search(request).total;
  };
  EXPECT_EQ(total(""), 1u);
  EXPECT_EQ(total("secret"), 1u);
  EXPECT_EQ(total("knows"), 0u);
  EXPECT_EQ(total("folder:inbox"), 1u);
  EXPECT_EQ(total("folder:confidential"), 0u) << "his copy lies elsewhere";
  EXPECT_EQ(total("archive:bob"), 0u);
  EXPECT_EQ(total("archive:alice"), 1u);
  EXPECT_EQ(total("NOT folder:confidential"), 1u);
  request.query = "";
  EXPECT_EQ(search(request).coverage.in_scope, 1u);
  request.scope.archives = std::vector<ArchiveId>{};
  EXPECT_EQ(search(request).total, 0u);
}

TEST_F(IndexTest, SortsExactlyWhateverTheOrderOfArrival) {
  std::mt19937 random(7);
  std::vector<std::pair<Time, Serial>> expected;
  for (int i = 0; i < 400; ++i) {
    // Many in one second, so that ids run out of their places.
    const Time date = from_milliseconds(1'700'000'000'000 + static_cast<std::int64_t>(random() % 60) * 1000);
    const auto day = format_rfc3339(date);
    const Serial serial = post({.body = "sorted", .date = fmt::format("Tue, 14 Nov 2023 {}:{}:{} +0000", day.substr(11, 2), day.substr(14, 2), day.substr(17, 2))});
    expected.emplace_back(date, serial);
  }
  catch_up();
  std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second > b.second; });
  std::vector<Serial> order, paged;
  for (const auto& [date, serial] : expected) order.push_back(serial);
  EXPECT_EQ(hits("sorted"), order);

  SearchRequest request;
  request.query = "sorted";
  request.limit = 37;
  do {
    const SearchResponse page = search(request);
    EXPECT_EQ(page.total, 400u);
    for (const SearchHit& hit : page.hits) paged.push_back(hit.serial);
    request.after = page.next;
  } while (!request.after.empty());
  EXPECT_EQ(paged, order) << "page by page the same";

  request = {.query = "sorted", .sort = SearchSort::date_asc, .limit = 1000};
  std::vector<Serial> ascending;
  for (const SearchHit& hit : search(request).hits) ascending.push_back(hit.serial);
  const auto date_of = [&](Serial serial) {
    return std::find_if(expected.begin(), expected.end(), [&](const auto& e) { return e.second == serial; })->first;
  };
  EXPECT_TRUE(std::is_sorted(ascending.begin(), ascending.end(), [&](Serial a, Serial b) { return date_of(a) < date_of(b); }));
}

TEST_F(IndexTest, RanksByRelevance) {
  post({.body = "apple once among very many other words that make this text rather long and the word rare in it"});
  const Serial much = post({.body = "apple apple apple"});
  catch_up();
  const SearchResponse found = search(SearchRequest{.query = "apple", .sort = SearchSort::relevance});
  ASSERT_EQ(found.hits.size(), 2u);
  EXPECT_EQ(found.hits.front().serial, much);
}

TEST_F(IndexTest, FollowsMovesWithoutReadingTheTextAgain) {
  const Serial serial = post({.body = "wanderer", .folder = "Inbox", .item = "item-1"});
  catch_up();
  EXPECT_THAT(hits("folder:inbox wanderer"), ElementsAre(serial));
  ASSERT_TRUE(move("item-1", "Done/2026"));
  catch_up();
  EXPECT_THAT(hits("folder:inbox wanderer"), IsEmpty());
  EXPECT_THAT(hits("folder:done wanderer"), ElementsAre(serial));
  ASSERT_TRUE(vanish("item-1"));
  catch_up();
  EXPECT_THAT(hits("wanderer"), ElementsAre(serial)) << "gone at the source, kept in the archive";
}

TEST_F(IndexTest, SaysWhatIsPending) {
  post({.body = "first"});
  catch_up();
  post({.body = "second"});
  const SearchResponse found = search("second");
  EXPECT_EQ(found.total, 0u);
  EXPECT_EQ(found.coverage.pending, 1u);
  EXPECT_EQ(found.coverage.indexed, 1u);
  EXPECT_EQ(found.coverage.in_scope, 2u);
}

TEST_F(IndexTest, CountsFacets) {
  post({.from = "a@one.org", .date = "Mon, 15 Jan 2024 10:00:00 +0000"});
  post({.from = "b@one.org", .date = "Mon, 15 Jan 2024 10:00:00 +0000", .archive = kBob});
  post({.from = "c@two.org", .date = "Sun, 15 Jan 2023 10:00:00 +0000"});
  catch_up();
  SearchRequest request;
  request.facets = {"year", "from_domain", "archive"};
  const SearchResponse found = search(request);
  std::map<std::string, std::map<std::string, std::uint64_t>> facets;
  for (const auto& [name, values] : found.facets) {
    for (const FacetValue& value : values) facets[name][value.value] = value.count;
  }
  EXPECT_EQ(facets["year"], (std::map<std::string, std::uint64_t>{{"2024", 2}, {"2023", 1}}));
  EXPECT_EQ(facets["from_domain"], (std::map<std::string, std::uint64_t>{{"one.org", 2}, {"two.org", 1}}));
  EXPECT_EQ(facets["archive"], (std::map<std::string, std::uint64_t>{{"1", 2}, {"2", 1}}));
  request.scope.archives = std::vector<ArchiveId>{kAlice};
  for (const auto& [name, values] : search(request).facets) {
    if (name == "archive") {
      ASSERT_EQ(values.size(), 1u);
      EXPECT_EQ(values.front().value, "1");
    }
  }
}

// Searches run while the writer commits: no error, and never a wrong total.
TEST_F(IndexTest, AnswersWhileItIsWritten) {
  post({.body = "steady"});
  catch_up();
  std::atomic<bool> done{false};
  std::atomic<int> searches{0};
  std::jthread reader([&] {
    while (!done) {
      const auto found = index_->search(SearchRequest{.query = "steady"});
      ASSERT_TRUE(found) << found.error().message;
      ASSERT_EQ(found->total, 1u);
      ++searches;
    }
  });
  for (int i = 0; i < 30; ++i) {
    for (int j = 0; j < 5; ++j) post({.subject = fmt::format("noise {}", i), .body = "other"});
    catch_up();
  }
  done = true;
  reader.join();
  EXPECT_GT(searches, 0);
}

TEST_F(IndexTest, TellsAQueryThatIsWrongFromOneWithoutHits) {
  const auto wrong = index_->search(SearchRequest{.query = "a ("});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::invalid);
  EXPECT_FALSE(index_->search(SearchRequest{.query = "a", .after = "nonsense"}));
  EXPECT_FALSE(index_->search(SearchRequest{.query = "a", .facets = {"colour"}}));
}

}  // namespace
}  // namespace kopial
