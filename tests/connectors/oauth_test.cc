#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <functional>

#include "connectors/oauth/client_certificate.h"
#include "connectors/oauth/client_credentials.h"
#include "storage/base/encoding.h"
#include "tests/support/support.h"

namespace kopial {
namespace {

// A token endpoint that answers as it is told.
class Endpoint final : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request, std::stop_token) override {
    ++asked;
    last = request;
    HttpResponse response;
    response.status = status;
    response.body = status == 200 ? R"({"token_type":"Bearer","expires_in":3600,"access_token":"token-)" + std::to_string(asked) + "\"}" : body;
    return response;
  }
  int asked = 0, status = 200;
  Bytes body;
  HttpRequest last;
};

class OauthTest : public testing::Test {
 protected:
  std::unique_ptr<TokenSource> source(std::optional<ClientCertificate> certificate = std::nullopt) {
    return TokenSource::make({"https://login.example", "directory", "client", Secret("p+/=~"), "https://graph.example/.default", std::move(certificate)}, endpoint_, clock_);
  }
  std::string token(TokenSource& tokens) {
    auto got = tokens.token({});
    return got ? std::string(got->reveal()) : "error: " + got.error().message;
  }
  Endpoint endpoint_;
  FakeClock clock_;
};

TEST_F(OauthTest, KeepsATokenAndRenewsItBeforeItEnds) {
  auto tokens = source();
  EXPECT_EQ(token(*tokens), "token-1");
  EXPECT_NE(endpoint_.last.body.find("client_secret=p%2B%2F%3D~"), Bytes::npos);
  clock_.advance(std::chrono::minutes(54));
  EXPECT_EQ(token(*tokens), "token-1");
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(token(*tokens), "token-2");
}

TEST_F(OauthTest, UsesTheOldTokenWhileTheEndpointIsAwayAndNoLonger) {
  auto tokens = source();
  EXPECT_EQ(token(*tokens), "token-1");
  endpoint_.status = 503;
  clock_.set_auto_advance(true);
  clock_.advance(std::chrono::minutes(56));
  EXPECT_EQ(token(*tokens), "token-1");
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(token(*tokens).substr(0, 5), "error");
  endpoint_.status = 200;
  EXPECT_EQ(token(*tokens).substr(0, 6), "token-");
}

TEST_F(OauthTest, AsksAnewAfterADiscardAndPassesOnWhatTheServiceWants) {
  auto tokens = source();
  ASSERT_EQ(token(*tokens), "token-1");
  tokens->discard(Secret("another"));
  EXPECT_EQ(token(*tokens), "token-1");
  tokens->discard(Secret("token-1"), R"({"access_token":{"nbf":{"essential":true}}})");
  EXPECT_EQ(token(*tokens), "token-2");
  EXPECT_NE(endpoint_.last.body.find("claims=%7B%22access_token"), Bytes::npos);
}

TEST_F(OauthTest, ARefusalNamesTheOneThingToMendAndNoSecret) {
  auto tokens = source();
  endpoint_.status = 401;
  endpoint_.body = R"({"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired."})";
  const auto refused = tokens->token({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::denied);
  EXPECT_NE(refused.error().message.find("the client secret has expired; make a new one"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("p+/=~"), std::string::npos);
  EXPECT_EQ(endpoint_.asked, 1) << "a refusal is not repeated";
}

TEST_F(OauthTest, CodesAreToldApartByAllTheirDigits) {
  EXPECT_EQ(sign_in_advice("AADSTS700027: x")->code, "AADSTS700027");
  EXPECT_EQ(sign_in_advice("AADSTS7000271: x")->code, "AADSTS7000271");
  EXPECT_FALSE(sign_in_advice("AADSTS70002: x"));
  EXPECT_FALSE(sign_in_advice(""));
}

TEST_F(OauthTest, ACertificateIsSentAsASignedStatementAndNoSecret) {
  auto made = ClientCertificate::make("test", clock_.now(), 30);
  ASSERT_TRUE(made) << made.error().message;
  auto tokens = source(*made);
  ASSERT_EQ(token(*tokens), "token-1");
  const auto& body = endpoint_.last.body;
  EXPECT_EQ(body.find("client_secret"), Bytes::npos);
  const auto at = body.find("client_assertion=");
  ASSERT_NE(at, Bytes::npos);
  const auto assertion = body.substr(at + 17);
  const auto header = base64url_decode(assertion.substr(0, assertion.find('.')));
  ASSERT_TRUE(header);
  const auto json = boost::json::parse(*header);
  EXPECT_EQ(json.at("alg").as_string(), "PS256");
  EXPECT_TRUE(json.as_object().contains("x5t#S256"));
}

TEST_F(OauthTest, TakesOnlyAKeyThatBelongsToItsCertificate) {
  const auto one = ClientCertificate::make("one", clock_.now(), 30), other = ClientCertificate::make("other", clock_.now(), 30);
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(ClientCertificate::parse(one->certificate_pem(), one->private_key_pem()));
  EXPECT_FALSE(ClientCertificate::parse(one->certificate_pem(), other->private_key_pem()));
  EXPECT_FALSE(ClientCertificate::parse("junk", one->private_key_pem()));
  EXPECT_FALSE(ClientCertificate::parse(one->certificate_pem(), Secret("junk")));
  EXPECT_EQ(one->thumbprint().size(), 40u);
}

}  // namespace
}  // namespace kopial
