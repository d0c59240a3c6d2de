#include "storage/crypto/certificate.h"

#include <gtest/gtest.h>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

using namespace std::chrono_literals;

const Time kNow = parse_rfc3339("2026-11-24T04:00:00Z").value();

// The DER inside of a PEM block.
Bytes der(std::string_view pem) {
  std::string text;
  for (std::size_t at = pem.find('\n') + 1; at < pem.size() && pem[at] != '-'; ++at) {
    if (pem[at] != '\n') text += pem[at];
  }
  return base64_decode(text).value_or("");
}

TEST(CertificateTest, SaysFromWhenToWhenAndForWhom) {
  const auto made =
      make_self_signed_certificate({"archive.example.org", "10.1.2.3", "::1"}, kNow, 30);
  ASSERT_TRUE(made) << made.error().message;
  const auto facts = read_certificate(made->certificate_pem);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->not_before, kNow - 1h);
  EXPECT_GE(facts->not_after, kNow + 29 * 24h);
  EXPECT_LE(facts->not_after, kNow + 30 * 24h);
  EXPECT_EQ(facts->subject, "CN=Kopial");
  const Bytes body = der(made->certificate_pem);
  EXPECT_NE(body.find("archive.example.org"), Bytes::npos);
  EXPECT_NE(body.find("\x87\x04\x0a\x01\x02\x03"), Bytes::npos)
      << "an iPAddress, not a name that looks like one";
  EXPECT_NE(body.find("\x87\x10" + Bytes(15, '\0') + "\x01"), Bytes::npos);
}

TEST(CertificateTest, FingerprintsTheBytesOfTheCertificate) {
  const auto made = make_self_signed_certificate({"localhost"}, kNow).value();
  auto fingerprint = read_certificate(made.certificate_pem)->sha256_fingerprint;
  std::string digits;
  for (const char c : fingerprint) {
    if (c != ':') digits += c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  }
  EXPECT_EQ(digits, sha256(der(made.certificate_pem)).hex());
}

TEST(CertificateTest, MakesADifferentKeyEachTime) {
  const auto first = make_self_signed_certificate({"localhost"}, kNow).value();
  const auto second = make_self_signed_certificate({"localhost"}, kNow).value();
  EXPECT_TRUE(first.private_key_pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----"));
  EXPECT_NE(first.private_key_pem.reveal(), second.private_key_pem.reveal());
  EXPECT_EQ(first.certificate_pem.find("PRIVATE"), std::string::npos);
}

TEST(CertificateTest, RefusesWhatIsNoCertificate) {
  const auto made = make_self_signed_certificate({"localhost"}, kNow).value();
  EXPECT_FALSE(read_certificate(""));
  EXPECT_FALSE(read_certificate("no certificate"));
  EXPECT_FALSE(read_certificate(made.private_key_pem.reveal()));
  EXPECT_FALSE(read_certificate(std::string_view(made.certificate_pem).substr(0, 200)));
}

// Names come from the configuration: one must not become two, or something else.
TEST(CertificateTest, RefusesNamesThatAreNone) {
  for (const char* name : {"", "a,DNS:evil.example.org", "a b", "a\nb"}) {
    EXPECT_FALSE(make_self_signed_certificate({name}, kNow)) << name;
  }
}

}  // namespace
}  // namespace kopial
