#include "storage/mail/transfer.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

struct Case {
  Bytes body, decoded;
  std::uint32_t defects = 0;
};

void expect(const std::vector<Case>& cases, TransferEncoding encoding) {
  for (const auto& test : cases) {
    const auto decoded = decode_transfer(test.body, encoding);
    EXPECT_EQ(decoded.bytes, test.decoded) << ::testing::PrintToString(test.body);
    EXPECT_EQ(decoded.defects, test.defects) << ::testing::PrintToString(test.body);
  }
}

TEST(TransferTest, ReadsBase64AsMailReadersDo) {
  expect({{"", ""},
          {"QUJD", "ABC"},
          {"QUJD\r\nREVG\r\n", "ABCDEF"},
          {"QUI=", "AB"},
          {"QQ==\r\n", "A"},
          {"QQ", "A"},  // padding forgotten
          {"Q U\tJ D", "ABC"},
          {"QUJD!REVG", "ABCDEF", kBadBase64},
          {"QQ==QUJD", "AABC", kBadBase64},  // one encoding behind the other
          {"QUJD\r\n--\r\nlist footer",
           decode_transfer("QUJDlistfooter", TransferEncoding::base64).bytes, kBadBase64},
          {"\xff\xff\xff\xff", "", kBadBase64}},
         TransferEncoding::base64);
}

TEST(TransferTest, ReadsQuotedPrintableAsMailReadersDo) {
  expect({{"", ""},
          {"caf=C3=A9", "caf\xc3\xa9"},
          {"caf=c3=a9", "caf\xc3\xa9"},
          {"a=\r\nb", "ab"},
          {"a=\nb", "ab"},
          {"a= \t\r\nb", "ab"},
          {"a=", "a"},
          {"a=3D\r\n", "a=\r\n"},
          {"100=% of", "100=% of", kBadQuotedPrintable},
          {"=G0", "=G0", kBadQuotedPrintable},
          {"=4", "=4", kBadQuotedPrintable},
          {"raw \xe9", "raw \xe9"}},
         TransferEncoding::quoted_printable);
}

TEST(TransferTest, ReadsUuencode) {
  expect({{"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n", "Cat"},
          {"text in front\r\nbegin 644 a.txt\n#0V%T\n`\nend\nbehind", "Cat"},
          {"begin 644 a\n#0V%T\n", "Cat"},
          {"nothing", ""}},
         TransferEncoding::uuencode);
}

TEST(TransferTest, LeavesTheRestAsItIs) {
  expect({{"a=3D", "a=3D"}, {Bytes("\0\xff", 2), Bytes("\0\xff", 2)}}, TransferEncoding::identity);
  expect({{"a=3D", "a=3D", kUnknownTransferEncoding}}, TransferEncoding::unknown);
}

TEST(TransferTest, ComesBackAndNeverGrows) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    Bytes bytes(random() % 100, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(decode_transfer(base64_encode(bytes), TransferEncoding::base64).bytes, bytes);
    for (auto& byte : bytes) byte = "=AF09\r\n \tx!~begin\x80"[random() % 19];
    if (random() % 2 == 0) bytes = "begin 644 x\n" + bytes;
    for (const auto encoding : {TransferEncoding::base64, TransferEncoding::quoted_printable,
                                TransferEncoding::uuencode}) {
      ASSERT_LE(decode_transfer(bytes, encoding).bytes.size(), bytes.size());
    }
  }
}

}  // namespace
}  // namespace kopial
