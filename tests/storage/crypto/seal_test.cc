#include "storage/crypto/seal.h"

#include <gtest/gtest.h>

#include <set>

#include "storage/crypto/digest.h"
#include "tests/storage/crypto/vectors.h"

namespace kopial {
namespace {

const Secret kKey(Bytes(32, 'k'));

TEST(SealTest, OpensWhatItSealed) {
  for (const std::size_t size : {0, 1, 15, 16, 17, 1000, 3'000'000}) {
    const Bytes plain = random_bytes(size);
    const Bytes sealed = seal(kKey, "name", plain);
    EXPECT_EQ(sealed.size(), plain.size() + kSealOverhead);
    EXPECT_EQ(unseal(kKey, "name", sealed).value(), plain);
    if (size >= 16) {
      EXPECT_EQ(sealed.find(plain.substr(0, 16)), Bytes::npos) << "in the clear";
    }
  }
  EXPECT_EQ(unseal(kKey, BytesView(), seal(kKey, BytesView(), BytesView())).value(), "");
}

TEST(SealTest, NeverSealsTheSameWayTwice) {
  std::set<Bytes> nonces, sealed;
  for (int i = 0; i < 1000; ++i) {
    const Bytes one = seal(kKey, "name", "plain");
    nonces.insert(one.substr(1, 12));
    sealed.insert(one);
  }
  EXPECT_EQ(nonces.size(), 1000u);
  EXPECT_EQ(sealed.size(), 1000u);
}

TEST(SealTest, IsBoundToItsNameAndKey) {
  const Bytes sealed = seal(kKey, "tenant/alice", "plain");
  for (const std::string_view name : {"", "tenant/alic", "tenant/alice ", "tenant/bob"}) {
    EXPECT_EQ(unseal(kKey, name, sealed).error().code, ErrorCode::corrupt) << name;
  }
  Bytes other(32, 'k');
  other[31] ^= 1;
  EXPECT_EQ(unseal(Secret(other), "tenant/alice", sealed).error().code, ErrorCode::corrupt);
}

// Every single bit: version, nonce, text, tag.
TEST(SealTest, NoticesEveryFlippedBit) {
  const Bytes sealed = seal(kKey, "name", "forty bytes of plain text, more or less.");
  ASSERT_TRUE(unseal(kKey, "name", sealed));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes bad = sealed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    const auto opened = unseal(kKey, "name", bad);
    ASSERT_FALSE(opened) << "bit " << bit;
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
  }
}

TEST(SealTest, NoticesEveryOtherLength) {
  const Bytes sealed = seal(kKey, "name", "plain");
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(unseal(kKey, "name", sealed.substr(0, size))) << size;
  EXPECT_FALSE(unseal(kKey, "name", sealed + '\0'));
  EXPECT_FALSE(unseal(kKey, "name", sealed.substr(1)));
}

// A failure leaves nothing behind that the next opening would stumble over (the cipher's context is
// kept by the thread).
TEST(SealTest, GoesOnAfterAFailure) {
  const Bytes good = seal(kKey, "name", "plain");
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(unseal(kKey, "other", good));
    EXPECT_EQ(unseal(kKey, "name", good).value(), "plain");
    EXPECT_EQ(unseal(kKey, "name", seal(kKey, "name", "again")).value(), "again");
  }
}

TEST(SealTest, SaysNothingSecretWhenItFails) {
  const auto failed =
      unseal(Secret(Bytes(32, 'Q')), "the name", seal(kKey, "the name", "the plain text"));
  ASSERT_FALSE(failed);
  for (const std::string_view secret : {"QQQQ", "the name", "the plain text"}) {
    EXPECT_EQ(failed.error().message.find(secret), std::string::npos);
  }
}

// The sealed form is AES-256-GCM and nothing of our own: what others made opens, what they broke
// does not.
TEST(SealTest, AgreesWithTheVectors) {
  const auto file = vectors("aes_gcm_test.json");
  KOPIAL_SKIP_WITHOUT(file);
  int opened = 0, refused = 0;
  for (const auto& entry : file->at("testGroups").as_array()) {
    const auto& group = entry.as_object();
    if (group.at("ivSize") != 96 || group.at("keySize") != 256 || group.at("tagSize") != 128)
      continue;
    for (const auto& vector : group.at("tests").as_array()) {
      const auto& test = vector.as_object();
      const Bytes sealed =
          '\x01' + hex_field(test, "iv") + hex_field(test, "ct") + hex_field(test, "tag");
      const auto plain = unseal(Secret(hex_field(test, "key")), hex_field(test, "aad"), sealed);
      if (test.at("result").as_string() == "valid") {
        ASSERT_TRUE(plain) << test.at("tcId");
        EXPECT_EQ(*plain, hex_field(test, "msg")) << test.at("tcId");
        ++opened;
      } else {
        EXPECT_FALSE(plain) << test.at("tcId");
        ++refused;
      }
    }
  }
  EXPECT_GE(opened, 20);
  EXPECT_GE(refused, 20);
}

}  // namespace
}  // namespace kopial
