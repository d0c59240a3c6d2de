#include "storage/transfer_form.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

Bytes base64_again(const Base64Run& run) {
  Bytes out;
  write_base64(run.decoded, run.form, out);
  return out;
}

Bytes quoted_again(const QuotedPrintableRun& run) {
  Bytes out;
  EXPECT_TRUE(write_quoted_printable(run.decoded, run.form, out));
  return out;
}

TEST(TransferFormTest, RebuildsEveryLayoutOfBase64) {
  for (const std::size_t size : {1, 2, 3, 56, 57, 58, 114, 1000}) {
    for (const std::size_t line : {4, 60, 64, 72, 76, 1000}) {
      for (const std::string_view line_end : {"\r\n", "\n"}) {
        for (const bool ended : {true, false}) {
          const Bytes content = noise(size, size);
          Bytes body = base64_body(content, line, line_end);
          if (!ended) body.resize(body.size() - line_end.size());
          const auto run = read_base64(body);
          ASSERT_TRUE(run) << body;
          EXPECT_EQ(run->encoded_bytes, body.size());
          EXPECT_EQ(run->decoded, content);
          EXPECT_EQ(base64_again(*run), body);
        }
      }
    }
  }
}

TEST(TransferFormTest, ReadsBase64AsFarAsItIsCanonical) {
  const Bytes content = noise(300);
  const Bytes body = base64_body(content);
  for (const std::string_view footer : {"_______________\r\nlist mailing list\r\n", "\r\n", "AA\r\n", "    \r\n", "=\r\n", "\0"}) {
    const Bytes whole = body + Bytes(footer);
    const auto run = read_base64(whole);
    ASSERT_TRUE(run);
    EXPECT_EQ(base64_again(*run), whole.substr(0, run->encoded_bytes));
    EXPECT_GE(run->encoded_bytes, body.size() - 78);
  }
  // Line ends that differ end the run before the line where they do.
  const Bytes mixed = base64_body(content.substr(0, 114)) + base64_body(content, 76, "\n");
  EXPECT_EQ(base64_again(*read_base64(mixed)), mixed.substr(0, 2 * 78));
}

TEST(TransferFormTest, RefusesBase64ThatWouldNotComeBack) {
  for (const std::string_view body : {"", "A", "AB==\r\n", "AAB=\r\n", "A===", "====", "AAA", "AA=A", "AAAA AAAA", "\r\n", "\xff\xff\xff\xff"}) {
    const auto run = read_base64(body);
    EXPECT_FALSE(run) << body;
  }
}

TEST(TransferFormTest, RebuildsQuotedPrintable) {
  for (const std::string_view body :
       {"", "plain\r\n", "caf=C3=A9 =3D 1\r\n", "caf=c3=a9\r\n", "soft=\r\nbreak=\r\n\r\n", "soft=\nbreak", "tail =20\r\nx=09\r\n",
        "From here=2E\r\n=46rom there\r\n", "raw \xc3\xa9 and =C3=A9\r\n", "=0D=0A\r\n=0A", "==3D", "trailing space \r\n",
        "=\r\n=\r\n=\r\n"}) {
    const auto run = read_quoted_printable(body);
    if (body == "==3D") {
      EXPECT_FALSE(run);
      continue;
    }
    ASSERT_TRUE(run) << body;
    EXPECT_EQ(quoted_again(*run), body);
  }
  EXPECT_EQ(read_quoted_printable("caf=C3=A9 =3D 1=\r\n!\r\n")->decoded, "caf\xc3\xa9 = 1!\r\n");
}

TEST(TransferFormTest, RefusesQuotedPrintableThatWouldNotComeBack) {
  for (const std::string_view body : {"=", "=G0", "=4", "a=\r", "=ab=CD", "a=\r\nb=\nc", "= \r\n", "=\r"}) {
    EXPECT_FALSE(read_quoted_printable(body)) << body;
  }
}

// Whatever can be read comes back, and whatever is written as a form is read back without harm.
TEST(TransferFormTest, SurvivesRandomBodies) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kPieces[] = {"=\r\n", "=\n", "=3D", "=c3", "=C3", "\r\n", "\n", "A", "B=", "abcd", "QUJD", " ", "\t", "\xe9", "="};
  int quoted = 0, base64 = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes body;
    for (auto pieces = random() % 40; pieces > 0; --pieces) body += kPieces[random() % std::size(kPieces)];
    if (const auto run = read_quoted_printable(body)) {
      ++quoted;
      ASSERT_EQ(quoted_again(*run), body);
      Bytes form = run->form;
      form[random() % form.size()] = static_cast<char>(random());
      Bytes ignored;
      (void)write_quoted_printable(run->decoded, form, ignored);
    }
    if (const auto run = read_base64(body)) {
      ++base64;
      ASSERT_EQ(base64_again(*run), body.substr(0, run->encoded_bytes));
    }
  }
  EXPECT_GT(quoted, 100);
  EXPECT_GT(base64, 100);
}

}  // namespace
}  // namespace kopial
