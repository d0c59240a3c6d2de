#include "storage/base/encoding.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace kopial {
namespace {

std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

TEST(HexTest, EncodesAndDecodes) {
  EXPECT_EQ(hex_encode(std::string_view("\x00\x7f\xff\x0a", 4)), "007fff0a");
  EXPECT_EQ(hex_decode("007fFf0A"), std::string("\x00\x7f\xff\x0a", 4));
  EXPECT_EQ(hex_decode(""), "");
  EXPECT_EQ(hex_decode(hex_encode(all_bytes())), all_bytes());
}

TEST(HexTest, RefusesWhatIsMalformed) {
  for (const std::string_view text :
       {"0", "0g", "g0", "00 ", " 00", "0x00", "\xc3\xa9", "@0", "`0", "/0", ":0"}) {
    EXPECT_FALSE(hex_decode(text)) << text;
  }
}

// RFC 4648 section 10.
TEST(Base64Test, AgreesWithTheRfc) {
  constexpr std::pair<std::string_view, std::string_view> kVectors[] = {{"", ""},
                                                                        {"f", "Zg=="},
                                                                        {"fo", "Zm8="},
                                                                        {"foo", "Zm9v"},
                                                                        {"foob", "Zm9vYg=="},
                                                                        {"fooba", "Zm9vYmE="},
                                                                        {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : kVectors) {
    EXPECT_EQ(base64_encode(plain), encoded);
    EXPECT_EQ(base64_decode(encoded), plain);
    const auto bare = encoded.substr(0, encoded.find('='));
    EXPECT_EQ(base64url_encode(plain), bare);
    EXPECT_EQ(base64url_decode(bare), plain);
  }
  EXPECT_EQ(base64_encode("\xfb\xff\xbf"), "+/+/");
  EXPECT_EQ(base64url_encode("\xfb\xff\xbf"), "-_-_");
}

TEST(Base64Test, ComesBackAtEveryLength) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
  }
}

// One value has one text: ids and tokens are compared as text.
TEST(Base64Test, RefusesWhatIsNotCanonical) {
  for (const std::string_view text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zh==", "Zm9=", "Zm9v\n", " Zm9v", "Zm=v",
        "Zg==Zg==", "Zm9v====", "-_-_", "Zm9\0", "\xff\xff\xff\xff"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  for (const std::string_view text : {"Zg==", "Z", "Zh", "Zm9", "+/+/", "Zm9v ", "Zm9vY"}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
}

TEST(EncoderTest, WritesItsDocumentedBytes) {
  Encoder out;
  out.u8(7)
      .varint(0)
      .varint(127)
      .varint(128)
      .varint(300)
      .fixed32(0x01020304)
      .fixed64(0x0102030405060708)
      .blob("ab")
      .raw("c");
  EXPECT_EQ(hex_encode(out.bytes()),
            "07"
            "00"
            "7f"
            "8001"
            "ac02"
            "01020304"
            "0102030405060708"
            "026162"
            "63");
}

TEST(EncoderTest, ComesBackFieldByField) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  Encoder out;
  for (int shift = 0; shift < 64; ++shift)
    out.varint(std::uint64_t{1} << shift).varint((std::uint64_t{1} << shift) - 1);
  out.varint(kMax).fixed32(0xffffffff).fixed64(kMax).blob("").blob(all_bytes()).u8(255);
  const auto bytes = out.take();
  Decoder in(bytes);
  for (int shift = 0; shift < 64; ++shift) {
    EXPECT_EQ(in.varint(), std::uint64_t{1} << shift);
    EXPECT_EQ(in.varint(), (std::uint64_t{1} << shift) - 1);
  }
  EXPECT_EQ(in.varint(), kMax);
  EXPECT_EQ(in.fixed32(), 0xffffffff);
  EXPECT_EQ(in.fixed64(), kMax);
  EXPECT_EQ(in.blob(), "");
  EXPECT_EQ(in.blob(), all_bytes());
  EXPECT_FALSE(in.done());
  EXPECT_EQ(in.u8(), 255);
  EXPECT_TRUE(in.done());
}

TEST(EncoderTest, SortsFixedNumbersAsKeys) {
  const std::uint64_t numbers[] = {0,          1,          255,        256,  65535,
                                   1ull << 31, 1ull << 32, 1ull << 63, ~0ull};
  for (std::size_t i = 1; i < std::size(numbers); ++i) {
    EXPECT_LT(Encoder().fixed64(numbers[i - 1]).take(), Encoder().fixed64(numbers[i]).take());
  }
}

// What is cut short or lies about lengths fails once, stays failed, and gives zero and empty from
// then on.
TEST(DecoderTest, StaysFailed) {
  const std::string cut = Encoder().fixed64(1).take().substr(0, 7);
  Decoder in(cut);
  EXPECT_EQ(in.fixed64(), 0u);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0) << "although there are bytes left";
  EXPECT_EQ(in.raw(1), "");
  EXPECT_FALSE(in.done());
}

TEST(DecoderTest, RefusesLengthsThatLie) {
  const std::string huge =
      Encoder().varint(std::numeric_limits<std::uint64_t>::max()).raw("abc").take();
  Decoder in(huge);
  EXPECT_EQ(in.blob(), "");
  EXPECT_FALSE(in.ok());
  const std::string endless(20, '\x80');
  Decoder forever(endless);
  EXPECT_EQ(forever.varint(), 0u);
  EXPECT_FALSE(forever.ok());
  Decoder nothing("");
  EXPECT_TRUE(nothing.done());
  nothing.varint();
  EXPECT_FALSE(nothing.ok());
}

// Ten bytes can say more than 64 bits; a value that does not fit is no value, rather than another
// one.
TEST(DecoderTest, RefusesNumbersOverSixtyFourBits) {
  const std::string over = std::string(9, '\xff') + '\x02';
  Decoder in(over);
  EXPECT_EQ(in.varint(), 0u);
  EXPECT_FALSE(in.ok());
  const std::string most = std::string(9, '\xff') + '\x01';
  Decoder fits(most);
  EXPECT_EQ(fits.varint(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(fits.done());
}

TEST(DecoderTest, SurvivesRandomBytes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int failed = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    Decoder in(bytes);
    for (int step = 0; step < 10; ++step) {
      switch (random() % 5) {
        case 0:
          in.u8();
          break;
        case 1:
          in.varint();
          break;
        case 2:
          in.fixed64();
          break;
        case 3:
          EXPECT_LE(in.blob().size(), bytes.size());
          break;
        default:
          EXPECT_LE(in.raw(random() % 50).size(), bytes.size());
      }
      ASSERT_LE(in.rest().size(), bytes.size());
    }
    failed += in.ok() ? 0 : 1;
  }
  EXPECT_GT(failed, 1000);
}

}  // namespace
}  // namespace kopial
