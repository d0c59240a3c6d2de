// The Exchange connector against the double, as a process: what no run of the daemon reaches by itself, above all what it does to a source.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "connectors/ews/connector.h"
#include "connectors/ews/xml.h"
#include "connectors/source_actions.h"
#include "tests/support/support.h"

extern char** environ;

namespace kopial {
namespace {

namespace json = boost::json;
const std::filesystem::path kDouble = std::filesystem::path(KOPIAL_SOURCE_DIR) / "tests/doubles/exchange";
const std::string kPerson = "person0@synthetic.example";

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Keeps what it is told, and knows what it kept.
class Kept final : public EventSink, public ListingSink {
 public:
  Result<Known> known(const SourceItem& item) override {
    const std::lock_guard lock(mutex);
    return messages.contains(item.id) ? Known::same : Known::no;
  }
  Result<void> message(SourceItem item, Bytes raw) override {
    const std::lock_guard lock(mutex);
    messages[item.id] = {item, std::move(raw)};
    return {};
  }
  Result<void> moved(const std::string&, const SourceItem&) override { return {}; }
  Result<void> vanished(const std::string& item, const std::string&) override {
    const std::lock_guard lock(mutex);
    messages.erase(item);
    return {};
  }
  Result<void> quarantined(const SourceItem&, std::string, Bytes) override { return {}; }
  Result<void> failed(const SourceItem&, const Error& error) override { return error; }
  Result<std::vector<std::string>> archived(const std::string&, const std::string&, std::size_t) override { return std::vector<std::string>(); }
  Result<std::string> cursor(const std::string& folder) override {
    const std::lock_guard lock(mutex);
    return cursors[folder];
  }
  Result<void> save_cursor(const std::string& folder, std::string value) override {
    const std::lock_guard lock(mutex);
    cursors[folder] = std::move(value);
    return {};
  }
  void expected(std::uint64_t) override {}
  Result<void> page(const std::string& folder, std::vector<SourceItem> items, bool last) override {
    const std::lock_guard lock(mutex);
    for (auto& item : items) listed[item.id] = std::move(item);
    if (last) ended.push_back(folder);
    return {};
  }

  struct Message {
    SourceItem item;
    Bytes raw;
  };
  std::mutex mutex;
  std::map<std::string, Message> messages;
  std::map<std::string, std::string> cursors;
  std::map<std::string, SourceItem> listed;
  std::vector<std::string> ended;
};

class EwsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kDouble / "node_modules")) GTEST_SKIP() << "SKIPPED: the double's package is not installed (npm ci in tests/doubles/exchange)";
    const auto ready = (folder_.path() / "ready.json").string(), server = (kDouble / "server.mjs").string();
    std::vector<std::string> words{"node", server, "--listen", "127.0.0.1:0", "--ready-file", ready, "--synthetic", R"({"mailboxes":1,"messages":25,"folders":2,"mean_bytes":900})"};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ASSERT_EQ(posix_spawnp(&child_, "node", nullptr, nullptr, arguments.data(), environ), 0);
    std::stop_source never;
    for (int tries = 0; !std::filesystem::exists(ready); ++tries) {
      ASSERT_LT(tries, 600) << "the double does not start";
      system_clock().wait_for(std::chrono::milliseconds(50), never.get_token());
    }
    const auto facts = json::parse(contents(ready)).as_object();
    HttpClientOptions options;
    options.ca_pem = contents(facts.at("ca_file").as_string().c_str());
    http_ = HttpClient::make(std::move(options)).value();
    ExchangeAccount account;
    account.ews_url = facts.at("url").as_string().c_str();
    account.username = facts.at("username").as_string().c_str();
    account.password = Secret(facts.at("password").as_string().c_str());
    admin_ = facts.at("admin_url").as_string().c_str();
    source_ = make_ews_source(std::move(account), {}, *http_, system_clock());
    mailbox_ = source_->identify(source_->mailbox(kPerson, stop()).value(), stop()).value();
  }
  void TearDown() override {
    source_.reset();
    if (child_ > 0) {
      kill(child_, SIGTERM);
      waitpid(child_, nullptr, 0);
    }
  }

  std::stop_token stop() const { return {}; }
  std::string admin(const std::string& method, const std::string& path, std::string body = "") {
    HttpRequest request;
    request.method = method;
    request.url = admin_ + path;
    request.body = std::move(body);
    auto answer = http_->send(request, stop());
    EXPECT_TRUE(answer && answer->status == 200) << path;
    return answer ? answer->body : "";
  }
  void pull() { ASSERT_TRUE(source_->pull(mailbox_, kept_, {}, stop())); }
  SourceItem any() const { return kept_.messages.begin()->second.item; }
  static std::string escaped(const std::string& id) {
    std::string out;
    for (const char c : id) out += c == '+' ? "%2B" : c == '/' ? "%2F" : c == '=' ? "%3D" : std::string(1, c);
    return out;
  }

  TemporaryFolder folder_;
  pid_t child_ = 0;
  std::string admin_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<Source> source_;
  SourceMailbox mailbox_;
  Kept kept_;
};

TEST_F(EwsTest, ListsWhatAPullArchivesAndLocatesIt) {
  pull();
  ASSERT_EQ(kept_.messages.size(), 25u);
  const auto report = source_->list(mailbox_, kept_, stop());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->gaps.empty());
  EXPECT_EQ(kept_.listed.size(), 25u);
  EXPECT_NE(std::find(kept_.ended.begin(), kept_.ended.end(), "Sent Items"), kept_.ended.end()) << "an empty folder ends, too";
  const auto item = any();
  const auto there = source_->locate(mailbox_, item.id, stop());
  ASSERT_TRUE(there && *there);
  EXPECT_EQ((*there)->folder, item.folder);
  EXPECT_EQ((*there)->version, kept_.listed.at(item.id).version);
  EXPECT_FALSE(*source_->locate(mailbox_, "AAMkbm9uZQ==", stop()));
  Kept alone;
  ASSERT_TRUE(source_->fetch(mailbox_, item, alone, stop()));
  EXPECT_EQ(alone.messages.at(item.id).raw, kept_.messages.at(item.id).raw);
}

TEST_F(EwsTest, DeletesOnlyTheStateThatWasJudged) {
  pull();
  const auto item = any();
  admin("POST", "/messages/change?upn=" + kPerson + "&id=" + escaped(item.id), R"({"flagged": true})");
  const auto refused = source_->actions()->remove(mailbox_, item, stop());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  auto unknown = item;
  unknown.version.clear();
  EXPECT_EQ(source_->actions()->remove(mailbox_, unknown, stop()).error().code, ErrorCode::conflict) << "an item in no known state is left alone";
  auto now = *source_->locate(mailbox_, item.id, stop()).value();
  EXPECT_TRUE(now.flagged);
  EXPECT_TRUE(source_->actions()->remove(mailbox_, now, stop()));
  EXPECT_FALSE(*source_->locate(mailbox_, item.id, stop()));
  EXPECT_TRUE(source_->actions()->remove(mailbox_, now, stop())) << "gone already is done";
  EXPECT_NE(admin("GET", "/mailboxes").find(R"("folder":"Deletions")"), std::string::npos) << "it lies in Recoverable Items";
}

TEST_F(EwsTest, MovesIntoAFolderThatIsMade) {
  pull();
  const auto item = any();
  const auto moved = source_->actions()->move(mailbox_, item, "Archived/Of 2026%2F27", stop());
  ASSERT_TRUE(moved) << moved.error().message;
  const auto there = source_->locate(mailbox_, *moved, stop());
  ASSERT_TRUE(there && *there);
  EXPECT_EQ((*there)->folder, "Archived/Of 2026%2F27");
  EXPECT_EQ(source_->actions()->move(mailbox_, item, "Archived", stop()).value(), "") << "gone already is done";
}

TEST_F(EwsTest, RestoresByteForByteWithItsDateAndAsNoDraft) {
  const Bytes raw = "From: a@b.example\r\nSubject: back again\r\n\r\nJust as it was: \xc3\xa9\r\n";
  const auto received = *parse_rfc3339("2020-01-02T03:04:05Z");
  for (int i = 0; i < 2; ++i) {
    const auto restored = source_->actions()->restore(mailbox_, {"Restored/Inbox", raw, received, true}, stop());
    ASSERT_TRUE(restored) << restored.error().message;
    const auto there = source_->locate(mailbox_, restored->item, stop());
    ASSERT_TRUE(there && *there);
    EXPECT_EQ((*there)->folder, "Restored/Inbox");
    EXPECT_EQ((*there)->received, received);
    EXPECT_TRUE((*there)->unread);
    EXPECT_EQ((*there)->change_key, "") << "a restored message is no draft";
    Kept alone;
    ASSERT_TRUE(source_->fetch(mailbox_, **there, alone, stop()));
    EXPECT_EQ(alone.messages.at(restored->item).raw, raw);
  }
}

TEST_F(EwsTest, FindsAnInPlaceArchiveAsAFurtherMailbox) {
  EXPECT_TRUE(source_->further_mailboxes(mailbox_, stop()).value().empty());
  admin("POST", "/archive-mailbox?upn=" + kPerson);
  admin("POST", "/messages?upn=" + kPerson + "&folder=Old&root=archivemsgfolderroot", "Subject: archived\r\n\r\nx\r\n");
  const auto further = source_->further_mailboxes(mailbox_, stop()).value();
  ASSERT_EQ(further.size(), 1u);
  EXPECT_EQ(further.front().part_of, mailbox_.id);
  Kept archive;
  ASSERT_TRUE(source_->pull(further.front(), archive, {}, stop()));
  ASSERT_EQ(archive.messages.size(), 1u);
  EXPECT_EQ(archive.messages.begin()->second.item.folder, "In-Place Archive/Old");
}

TEST_F(EwsTest, SendsNothingThatTheSchemaForbids) {
  pull();
  ASSERT_TRUE(source_->list(mailbox_, kept_, stop()));
  ASSERT_TRUE(source_->actions()->restore(mailbox_, {"R", "Subject: x\r\n\r\n", *parse_rfc3339("2020-01-02T03:04:05Z"), false}, stop()));
  ASSERT_TRUE(source_->mailboxes(stop()));
  const auto stats = json::parse(admin("GET", "/stats")).as_object();
  if (!stats.at("validating").as_bool()) GTEST_SKIP() << "SKIPPED: Microsoft's schema is not there";
  EXPECT_TRUE(stats.at("violations").as_array().empty()) << json::serialize(stats.at("violations"));
}

TEST(EwsXmlTest, RefusesWhatNoServerSendsAndReadsWhatExchangeSendsAllTheSame) {
  EXPECT_EQ(ews::parse("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>").error().code, ErrorCode::invalid);
  EXPECT_EQ(ews::parse("<a><b>cut").error().code, ErrorCode::unavailable);
  EXPECT_EQ(ews::parse("").error().code, ErrorCode::unavailable);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  EXPECT_FALSE(ews::parse(deep));
  EXPECT_EQ(ews::parse("<a><Subject>x&#x1F;y&#x41;</Subject></a>").value().child_text("Subject"), "x      yA");
  EXPECT_EQ(ews::parse("<a><MimeContent>QUJD\r\nREVG</MimeContent></a>").value().child_text("MimeContent"), "ABCDEF");
  EXPECT_EQ(ews::parse("<a><MimeContent>!!</MimeContent></a>").error().code, ErrorCode::invalid);
  // Longer than what libxml2 takes for one text: a message of 24 MB.
  EXPECT_EQ(ews::parse("<a><MimeContent>" + std::string(32 << 20, 'A') + "</MimeContent></a>").value().child_text("MimeContent").size(), 24u << 20);
}

}  // namespace
}  // namespace kopial
