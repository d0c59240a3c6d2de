#include <gtest/gtest.h>

#include <random>

#include "storage/mail/message_view.h"

namespace kopial {
namespace {

TEST(CharsetTest, ReadsWhatSendersWrite) {
  const std::tuple<Bytes, const char*, std::string> kTable[] = {
      {"caf\xc3\xa9", "utf-8", "café"},
      {"caf\xc3\xa9", "UTF8", "café"},
      {"caf\xe9", "iso-8859-1", "café"},
      {"\x80 \x93quoted\x94", "ISO-8859-1", "€ “quoted”"},  // as every browser does
      {"\xa4", "iso-8859-15", "€"},
      {"\xf0\xd2\xc9\xd7\xc5\xd4", "koi8-r", "Привет"},
      {"\xcf\xf0\xe8\xe2\xe5\xf2", "windows-1251", "Привет"},
      {"\x93\xfa\x96\x7b", "Shift_JIS", "日本"},
      {"\x1b$BF|K\\\x1b(B", "iso-2022-jp", "日本"},
      {"\xc4\xe3\xba\xc3", "gb2312", "你好"},
      {"\xa7\x41\xa6\x6e", "big5", "你好"},
      {"\xbe\xc8", "ks_c_5601-1987", "안"},
      {"+AOk-", "utf-7", "é"},
      {"\xff\xfe\xe9\x00", "utf-16", "é"},
      {"plain", "us-ascii", "plain"},
      {"plain", " \"utf-8\" ", "plain"},
  };
  for (const auto& [bytes, charset, text] : kTable) {
    const auto converted = to_utf8(
        charset == std::string_view("utf-16") ? Bytes("\xff\xfe\xe9\x00", 4) : bytes, charset);
    ASSERT_TRUE(converted) << charset;
    EXPECT_EQ(*converted, text) << charset;
  }
}

TEST(CharsetTest, SaysWhenItKnowsNone) {
  for (const char* charset :
       {"", "x-unknown", "default_charset", "utf-8; x=y", "../../etc/passwd", "y"})
    EXPECT_FALSE(to_utf8("caf\xe9", charset)) << charset;
  EXPECT_FALSE(to_utf8("caf\xe9", Bytes(1000, 'x')));
  EXPECT_FALSE(to_utf8("caf\xe9", std::string_view("\0", 1)));
}

TEST(CharsetTest, ReplacesWhatIsInvalid) {
  EXPECT_EQ(to_utf8("a\xff"
                    "b",
                    "utf-8"),
            "a\xef\xbf\xbd"
            "b");
  const auto cut = to_utf8("\x93", "shift_jis");
  ASSERT_TRUE(cut);
  EXPECT_TRUE(is_valid_utf8(*cut));
}

// Converters are kept by the thread: what one text left unfinished must not reach into the next.
TEST(CharsetTest, BeginsAnewWithEachText) {
  EXPECT_TRUE(to_utf8("\x1b$BF|K", "iso-2022-jp"));
  EXPECT_EQ(to_utf8("plain", "iso-2022-jp"), "plain");
  EXPECT_TRUE(to_utf8("\x93", "shift_jis"));
  EXPECT_EQ(to_utf8("A", "shift_jis"), "A");
  for (int i = 0; i < 200; ++i)
    EXPECT_FALSE(to_utf8("caf\xe9", "x-unknown-" + std::to_string(i)));  // more names than are kept
  EXPECT_EQ(to_utf8("caf\xe9", "windows-1252"), "café");
}

TEST(CharsetTest, KnowsValidUtf8) {
  for (const std::string_view good :
       {"", "a", "é", "€", "𝄞", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"})
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  EXPECT_TRUE(is_valid_utf8(BytesView("a\0b", 3)));
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff",
        "ok\xe9"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << bad;
    EXPECT_TRUE(is_valid_utf8(make_valid_utf8(bad)));
    EXPECT_FALSE(make_valid_utf8(bad).empty());
  }
  EXPECT_EQ(make_valid_utf8("Gr\xfc\xdf"
                            "e"),
            "Grüße");
  EXPECT_EQ(make_valid_utf8("Grüße"), "Grüße");
}

TEST(CharsetTest, StaysTextOnRandomBytes) {
  std::mt19937 random(3);
  for (const char* charset :
       {"utf-8", "utf-16", "utf-7", "utf-32", "iso-2022-jp", "iso-2022-cn", "gb18030", "big5",
        "windows-949", "hz-gb-2312", "scsu", "bocu-1", "imap-mailbox-name"}) {
    for (int i = 0; i < 500; ++i) {
      Bytes bytes(random() % 60, '\0');
      for (auto& byte : bytes) byte = static_cast<char>(random());
      const auto text = to_utf8(bytes, charset);
      ASSERT_TRUE(is_valid_utf8(text.value_or(""))) << charset;
    }
  }
}

}  // namespace
}  // namespace kopial
