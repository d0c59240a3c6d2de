#include "storage/crypto/digest.h"

#include <gtest/gtest.h>

#include <set>

#include "storage/base/encoding.h"
#include "tests/storage/crypto/vectors.h"

namespace kopial {
namespace {

// FIPS 180-2 appendix B, and NIST's million letters.
constexpr std::string_view kNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kTwoBlocks =
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr std::string_view kMillion =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256Test, AgreesWithTheStandard) {
  EXPECT_EQ(sha256("").hex(), kNothing);
  EXPECT_EQ(sha256("abc").hex(), kAbc);
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(), kTwoBlocks);
  EXPECT_EQ(sha256(Bytes(1'000'000, 'a')).hex(), kMillion);
}

TEST(Sha256Test, GivesTheSameInPieces) {
  const Bytes million(1'000'000, 'a');
  Sha256 hash;
  for (std::size_t size :
       {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, std::size_t{100'000}}) {
    for (std::size_t at = 0; at < million.size(); at += size)
      hash.update(BytesView(million).substr(at, size));
    EXPECT_EQ(hash.finish().hex(), kMillion) << "in pieces of " << size << ", the object used anew";
    if (size == 1) {
      EXPECT_EQ(hash.finish().hex(), kNothing);
    }
  }
}

// RFC 4231.
TEST(HmacTest, AgreesWithTheRfc) {
  EXPECT_EQ(hmac_sha256(Bytes(20, '\x0b'), "Hi There").hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?").hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      hmac_sha256(Bytes(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")
          .hex(),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac_sha256(BytesView(), BytesView()).hex(),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// A longer output of HKDF begins with a shorter one, so every vector without salt and of 32 bytes
// and more counts.
TEST(DeriveKeyTest, AgreesWithTheVectors) {
  const auto file = vectors("hkdf_sha256_test.json");
  KOPIAL_SKIP_WITHOUT(file);
  int compared = 0;
  for (const auto& group : file->at("testGroups").as_array()) {
    for (const auto& entry : group.at("tests").as_array()) {
      const auto& test = entry.as_object();
      if (!hex_field(test, "salt").empty() || test.at("size").to_number<int>() < 32 ||
          test.at("result").as_string() != "valid")
        continue;
      const auto derived = derive_key(Secret(hex_field(test, "ikm")), hex_field(test, "info"));
      EXPECT_EQ(hex_encode(derived.reveal()), hex_encode(hex_field(test, "okm").substr(0, 32)))
          << test.at("tcId");
      ++compared;
    }
  }
  EXPECT_GE(compared, 10);
}

// RFC 5869 appendix A.3: no salt, no info. Needs no shared folder.
TEST(DeriveKeyTest, AgreesWithTheRfc) {
  EXPECT_EQ(hex_encode(derive_key(Secret(Bytes(22, '\x0b')), "").reveal()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(DeriveKeyTest, GivesEachPurposeItsKey) {
  const Secret key(Bytes(32, 'k'));
  std::set<Bytes> keys;
  for (const char* purpose : {"", "a", "b", "ab"})
    keys.insert(Bytes(derive_key(key, purpose).reveal()));
  keys.insert(Bytes(derive_key(Secret(Bytes(32, 'l')), "a").reveal()));
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(derive_key(key, "a").reveal(), derive_key(key, "a").reveal());
}

TEST(RandomTest, NeverRepeats) {
  std::set<Bytes> bytes;
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) {
    bytes.insert(random_bytes(16));
    tokens.insert(random_token());
  }
  EXPECT_EQ(bytes.size(), 1000u);
  EXPECT_EQ(tokens.size(), 1000u);
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(100).size(), 100u);
  EXPECT_EQ(random_token().size(), 22u);
  EXPECT_EQ(base64url_decode(random_token(32))->size(), 32u);
}

TEST(EqualInConstantTimeTest, ComparesAll) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time(BytesView("a\0b", 3), BytesView("a\0b", 3)));
  EXPECT_FALSE(equal_in_constant_time(BytesView("a\0b", 3), BytesView("a\0c", 3)));
  EXPECT_FALSE(equal_in_constant_time("abc", "xbc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abcd"));
  EXPECT_FALSE(equal_in_constant_time("", "a"));
}

}  // namespace
}  // namespace kopial
