// Checkpoints vouched for over the network: a time-stamping authority and a witness on loopback.
#include "server/care/notary.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>

#include "config/settings.h"
#include "server/http/server.h"
#include "storage/base/files.h"
#include "storage/evidence/timestamps.h"
#include "tests/doubles/timestamping/authority.h"
#include "tests/doubles/witness/witness.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

using ::testing::HasSubstr;

// Both of them behind one server, which can be told to be away, or to answer nonsense.
class NotaryTest : public StoreTest {
 protected:
  NotaryTest() { options_.anchoring.checkpoint_every = std::chrono::milliseconds(0); }  // Only when asked.
  void SetUp() override {
    if (!AuthorityDouble::can_be()) GTEST_SKIP() << "NO TIME STAMP WAS TESTED: there is no openssl program to play the authority";
    StoreTest::SetUp();
    clock_.advance(std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().now() - clock_.now()));  // The authority has a real one.
    authority_ = std::make_unique<AuthorityDouble>();
    witness_.know(evidence().status().verifier);
    http::ServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.tls = false;
    options.workers = 1;
    auto server = http::Server::start(std::move(options), [this](const http::Request& request) { return answer(request); }, [](const http::Request&) { return 1 << 20; });
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    NotaryOptions notary;
    notary.timestamp_url = server_->addresses().at(0) + "/tsa";
    notary.timestamps.trusted_pem = authority_->ca_pem();
    notary.witnesses = {{server_->addresses().at(0) + "/witness", witness_.verifier()}};
    notary_options_ = notary;
    restart();
  }
  void TearDown() override {
    if (server_) server_->stop();
  }
  void restart() { notary_ = std::make_unique<Notary>(notary_options_, *HttpClient::make({}), clock_); }
  http::Response answer(const http::Request& request) {
    ++asked_;
    http::Response response;
    if (away_) {
      response.status = 503;
      response.body = "come back tomorrow\n";
    } else if (request.path == "/tsa") {
      response.body = nonsense_ ? std::string("nonsense") : authority_->stamp(request.body);
    } else {
      const auto given = witness_.add_checkpoint(std::string(request.body), clock_.now());
      response.status = given.status;
      response.body = given.body;
    }
    return response;
  }
  Evidence& evidence() { return store_->evidence(); }
  std::uint64_t grow() {
    keep(intake(mail(fmt::format("message {}", ++messages_))));
    evidence().checkpoint().value();
    return evidence().status().signed_size;
  }
  void visit() { notary_->visit(evidence(), {}); }
  Notary::Voucher voucher(bool witness) {
    for (auto& one : notary_->vouchers(evidence().status().origin)) {
      if (one.witness == witness) return one;
    }
    return {};
  }

  std::unique_ptr<AuthorityDouble> authority_;
  WitnessDouble witness_{"witness.example/one", 'w'};
  std::unique_ptr<http::Server> server_;
  NotaryOptions notary_options_;
  std::unique_ptr<Notary> notary_;
  std::atomic<int> asked_ = 0;
  std::atomic<bool> away_ = false, nonsense_ = false;
  int messages_ = 0;
};

TEST_F(NotaryTest, ACheckpointIsStampedAndCosigned) {
  const auto size = grow();
  visit();
  EXPECT_EQ(voucher(false).trouble, "");
  EXPECT_EQ(voucher(false).leaves, size);
  EXPECT_TRUE(voucher(false).valid_until);
  EXPECT_EQ(voucher(true).trouble, "");
  EXPECT_EQ(voucher(true).leaves, size);
  const auto origin = evidence().status().origin;
  const auto note = read_file(evidence().folder() / ("witnessed." + origin.substr(origin.rfind('/') + 1)), kNoteBytesMax).value();
  EXPECT_TRUE(open_checkpoint(note, evidence().status().verifier));
  EXPECT_TRUE(cosigned_at(parse_note(note).value(), witness_.verifier()));
}

TEST_F(NotaryTest, NobodyIsAskedAgainBeforeItIsDue) {
  grow();
  visit();
  const int asked = asked_;
  grow();
  visit();
  EXPECT_EQ(asked_, asked);
  clock_.advance(notary_options_.witness_every);
  visit();
  EXPECT_EQ(asked_, asked + 1) << "the witness";
  clock_.advance(std::chrono::hours(24));
  visit();
  EXPECT_EQ(asked_, asked + 2) << "the authority; the witness has seen this checkpoint";
}

TEST_F(NotaryTest, WhoIsAwayIsAskedLaterAndNothingWaits) {
  away_ = true;
  const auto size = grow();
  visit();
  EXPECT_THAT(voucher(false).trouble, HasSubstr("HTTP 503: come back tomorrow"));
  EXPECT_THAT(voucher(true).trouble, HasSubstr("HTTP 503"));
  grow();
  const int asked = asked_;
  visit();
  EXPECT_EQ(asked_, asked) << "not at once";
  away_ = false;
  clock_.advance(std::chrono::minutes(1));
  visit();
  EXPECT_EQ(voucher(false).trouble, "");
  EXPECT_GT(voucher(false).leaves, size);
  EXPECT_EQ(voucher(true).trouble, "");
}

TEST_F(NotaryTest, AWrongAnswerIsNoStamp) {
  nonsense_ = true;
  grow();
  visit();
  EXPECT_NE(voucher(false).trouble, "");
  EXPECT_EQ(voucher(false).leaves, 0u);
}

TEST_F(NotaryTest, AStampIsRenewedBeforeItsCertificateEnds) {
  authority_->certificate(30);
  const auto size = grow();
  visit();
  const auto first = voucher(false);
  ASSERT_EQ(first.leaves, size);
  authority_->certificate(365);
  restart();  // What is due is told from the files.
  visit();
  EXPECT_EQ(voucher(false).leaves, size);
  EXPECT_GT(*voucher(false).valid_until, *first.valid_until);
}

TEST_F(NotaryTest, AWitnessThatKnowsMoreIsBelieved) {
  grow();
  visit();
  grow();
  restart();  // It has forgotten what the witness knows, and is told.
  visit();
  EXPECT_EQ(voucher(true).trouble, "");
  EXPECT_EQ(voucher(true).leaves, evidence().status().signed_size);

  // A log that lost leaves has to say so.
  close();
  const auto saved = folder_.path() / "saved";
  std::filesystem::copy(folder_.path() / "tenant", saved, std::filesystem::copy_options::recursive);
  reopen();
  grow();
  clock_.advance(notary_options_.witness_every);
  visit();
  close();
  std::filesystem::remove_all(folder_.path() / "tenant");
  std::filesystem::copy(saved, folder_.path() / "tenant", std::filesystem::copy_options::recursive);
  reopen();
  restart();
  visit();
  EXPECT_THAT(voucher(true).trouble, HasSubstr("leaves were lost"));
}

TEST_F(NotaryTest, SettingsAreReadAndWrongOnesAreNamed) {
  Settings settings;
  settings.evidence.witnesses = {"https://witness.example/ " + witness_.verifier().vkey()};
  const auto options = notary_options(settings);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->witnesses.at(0).verifier.public_key, witness_.verifier().public_key);
  settings.evidence.witnesses = {"https://witness.example/ " + evidence().status().verifier.vkey()};
  EXPECT_THAT(notary_options(settings).error().message, HasSubstr("of a log and not of a witness"));
  settings.evidence.witnesses.clear();
  settings.evidence.timestamp_ca = authority_->path("tsa.key");
  EXPECT_THAT(notary_options(settings).error().message, HasSubstr("has no certificate"));
}

}  // namespace
}  // namespace kopial
