#include "storage/mail/header_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <random>

namespace kopial {
namespace {

class HeaderTextTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { initialise_mail(); }
};

bool is_line(const std::string& text) {
  return is_valid_utf8(text) && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
         });
}

TEST_F(HeaderTextTest, DecodesWords) {
  const std::pair<Bytes, std::string> kTable[] = {
      {" plain text ", "plain text"},
      {"folded\r\n once\r\n\tand twice", "folded once and twice"},
      {"=?utf-8?Q?caf=C3=A9?=", "café"},
      {"=?UTF-8?b?w6k=?=", "é"},
      {"=?iso-8859-1?Q?=E4_=3D?= and plain", "ä = and plain"},
      {"=?utf-8?Q?a?= =?utf-8?Q?b?=",
       "ab"},  // RFC 2047 section 6.2: the blank between words is none
      {"=?utf-8?Q?a?=\r\n =?utf-8?Q?b?=", "ab"},
      {"=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b"},
      {"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"},  // a character cut in two by the sender
      {"=?koi8-r?B?8NLJ18XU?=", "Привет"},
      {"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
      {"=?windows-1252?Q?=80?=", "€"},
      {"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"},  // RFC 2231 section 5: with a language
      {"caf\xe9", "café"},                          // raw 8-bit bytes
      {"caf\xc3\xa9", "café"},
      {Bytes("a\0b\x07"
             "c\x7f",
             6),
       "a b c"},
      {"not =?a word", "not =?a word"},
      {"", ""},
      {" \r\n ", ""},
  };
  for (const auto& [raw, text] : kTable)
    EXPECT_EQ(decode_header_text(raw), text) << ::testing::PrintToString(raw);
}

// An encoded word can hold what a header cannot: it must not become a line of its own in an answer,
// an export or a log.
TEST_F(HeaderTextTest, KeepsEncodedLineEndsOut) {
  EXPECT_EQ(decode_header_text("=?utf-8?Q?a=0D=0ABcc:_evil@example.org?="),
            "a Bcc: evil@example.org");
  EXPECT_TRUE(is_line(decode_header_text("=?utf-8?Q?a=00=07=1B?=")));
  for (const auto& address : decode_addresses("=?utf-8?Q?a=0D=0ABcc:_b?= <a@example.org>"))
    EXPECT_TRUE(is_line(address.name)) << address.name;
}

TEST_F(HeaderTextTest, StaysTextWhateverComes) {
  for (const std::string_view raw :
       {"=?x-none?Q?abc?=", "=?utf-8?Q?=FF=FE?=", "=?utf-8?B?!!!!?=", "=?utf-8?X?abc?=",
        "=?"
        "?Q?abc?=",
        "=?utf-8?Q?"
        "?=",
        "=?us-ascii?Q?caf=E9?=", "=?utf-7?Q?+AGE-?=", "\xff\xfe=?utf-8?Q?=C3?="}) {
    EXPECT_TRUE(is_line(decode_header_text(raw))) << raw;
  }
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kPieces[] = {"=?utf-8?Q?", "=?iso-8859-1?B?",
                                          "?=",         " ",
                                          "\r\n ",      "=C3",
                                          "=A9",        "w6k=",
                                          "<",          ">",
                                          "@",          ",",
                                          ";",          ":",
                                          "\"",         "(",
                                          ")",          "\\",
                                          "a",          "example.org",
                                          "\xff",       std::string_view("\0", 1),
                                          "[",          "]",
                                          "=?",         "_"};
  for (int i = 0; i < 20'000; ++i) {
    Bytes raw;
    for (auto pieces = random() % 20; pieces > 0; --pieces)
      raw += kPieces[random() % std::size(kPieces)];
    ASSERT_TRUE(is_line(decode_header_text(raw))) << ::testing::PrintToString(raw);
    for (const auto& address : decode_addresses(raw)) {
      ASSERT_TRUE(is_line(address.name) && is_line(address.address))
          << ::testing::PrintToString(raw);
    }
    for (const auto& id : decode_message_ids(raw))
      ASSERT_TRUE(is_line(id)) << ::testing::PrintToString(raw);
  }
}

TEST_F(HeaderTextTest, LooksAtABoundedPart) {
  EXPECT_EQ(decode_header_text(Bytes(1 << 20, 'x')).size(), 64u << 10);
  Bytes words;
  while (words.size() < 1 << 20) words += "=?utf-8?Q?=C3=A9?= ";
  const auto text = decode_header_text(words);
  EXPECT_TRUE(is_line(text));
  EXPECT_LE(text.size(), 64u << 10);
}

std::vector<std::string> shown(const std::vector<MailAddress>& addresses) {
  std::vector<std::string> out;
  for (const auto& address : addresses)
    out.push_back(fmt::format("{}|{}", address.name, address.address));
  return out;
}

TEST_F(HeaderTextTest, ReadsAddresses) {
  using List = std::vector<std::string>;
  const std::pair<Bytes, List> kTable[] = {
      {"", {}},
      {"alice@example.org", {"|alice@example.org"}},
      {"Alice@Example.ORG", {"|Alice@example.org"}},  // only the domain has no case
      {"Alice <alice@example.org>", {"Alice|alice@example.org"}},
      {"<alice@example.org>", {"|alice@example.org"}},
      {"\"Doe, John\" <john@example.org>", {"Doe, John|john@example.org"}},
      {"\"a \\\"b\\\" c\" <a@b.org>", {"a \"b\" c|a@b.org"}},
      {"a@b.org, Bob <b@c.org>,\r\n c@d.org", {"|a@b.org", "Bob|b@c.org", "|c@d.org"}},
      {"=?utf-8?Q?J=C3=BCrgen?= <j@x.org>", {"Jürgen|j@x.org"}},
      {"=?utf-8?Q?Doe=2C_John?= <j@x.org>, k@x.org", {"Doe, John|j@x.org", "|k@x.org"}},
      {"J\xfcrgen <j@x.org>", {"Jürgen|j@x.org"}},
      {"Team: a@x.org, B <b@x.org>;, c@x.org", {"|a@x.org", "B|b@x.org", "|c@x.org"}},
      {"undisclosed-recipients:;", {"undisclosed-recipients:;|"}},
      {"a@b.org,,  ,", {"|a@b.org"}},
      {"alice@[192.0.2.1]", {"|alice@[192.0.2.1]"}},
      {"pete(his account)@silly.test(his host)", {"his host|pete@silly.test"}},
  };
  for (const auto& [raw, addresses] : kTable)
    EXPECT_EQ(shown(decode_addresses(raw)), addresses) << raw;
}

// DESIGN section 9: what mimetic crashed on, and what else would hurt a parser that recurses or
// looks back.
TEST_F(HeaderTextTest, SurvivesHostileAddresses) {
  EXPECT_FALSE(decode_addresses("john-b:").empty());
  for (const std::string_view piece :
       {"(", "<", "\"", "\\", ":", "a:", ",", "@", "[", "a@", "a:b@c,", "(\\", "=?utf-8?Q?",
        "<a:", ";", ")", "a ", "a.", "\xff"}) {
    Bytes raw;
    while (raw.size() < 1'000'000) raw += piece;
    EXPECT_LE(decode_addresses(raw).size(), 10'000u) << piece;
    EXPECT_TRUE(is_line(decode_header_text(raw))) << piece;
  }
}

// More colons than GMime may see at once: nested groups, and names and addresses that merely hold
// some.
TEST_F(HeaderTextTest, LosesNoAddressAmongManyColons) {
  Bytes names, literals, groups;
  for (int i = 0; i < 2'000; ++i) {
    names += fmt::format("\"Re: a, \\\"b\\\": {0}\" <n{0}@example.org>, ", i);
    literals += fmt::format("l{}@[IPv6:2001:db8::1], ", i);
    groups += fmt::format("Team {0}: g{0}@example.org, h{0}@example.org;, ", i);
  }
  const auto named = decode_addresses(names);
  ASSERT_EQ(named.size(), 2'000u);
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(named[static_cast<std::size_t>(i)],
              (MailAddress{fmt::format("Re: a, \"b\": {}", i), fmt::format("n{}@example.org", i)}));
  }
  EXPECT_EQ(decode_addresses(literals).size(), 2'000u);
  const auto grouped = decode_addresses(groups);
  ASSERT_EQ(grouped.size(), 4'000u);
  EXPECT_EQ(grouped.at(3'999).address, "h1999@example.org");
}

TEST_F(HeaderTextTest, BoundsTheNumberOfAddresses) {
  Bytes raw;
  for (int i = 0; i < 20'000; ++i) raw += fmt::format("u{}@example.org, ", i);
  const auto addresses = decode_addresses(raw);
  ASSERT_EQ(addresses.size(), 10'000u);
  EXPECT_EQ(addresses.front().address, "u0@example.org") << "the first ones";
}

double cpu_seconds(const std::function<void()>& action) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    timespec before{}, after{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    action();
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    best = std::min(best, static_cast<double>(after.tv_sec - before.tv_sec) +
                              1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec));
  }
  return best;
}

// As in structure_test.cc: eight times the input, at most 24 times the time.
TEST_F(HeaderTextTest, TakesLinearTimeForAddresses) {
  for (const std::string_view piece :
       {"(", "<", "\"", "\\", ":", "a:", ",", "@", "[", "a@", "a:b@c,", "a@b.org, ",
        "=?utf-8?Q?x?= <a@b>, ", "<a:", ";", ")", "a ", "a."}) {
    const auto repeated = [&](std::size_t bytes) {
      Bytes raw;
      while (raw.size() < bytes) raw += piece;
      return raw;
    };
    const Bytes small = repeated(20'000), large = repeated(160'000);
    const double one = cpu_seconds([&] { decode_addresses(small); });
    const double eight = cpu_seconds([&] { decode_addresses(large); });
    EXPECT_LT(eight, 24 * std::max(one, 1e-4))
        << "'" << piece << "': " << one << " s, then " << eight << " s";
  }
}

TEST_F(HeaderTextTest, ReadsMessageIds) {
  using List = std::vector<std::string>;
  EXPECT_EQ(decode_message_ids(" <a@b>"), (List{"a@b"}));
  EXPECT_EQ(decode_message_ids("<a@b>\r\n <c@d>(comment)<e@f>"), (List{"a@b", "c@d", "e@f"}));
  EXPECT_EQ(decode_message_ids("<a\r\n @b>"), (List{"a@b"}));
  EXPECT_EQ(decode_message_ids("no-brackets@b"), (List{"no-brackets@b"}));
  EXPECT_EQ(decode_message_ids("<open"), (List{"<open"}));
  EXPECT_EQ(decode_message_ids(""), List{});
  EXPECT_EQ(decode_message_ids("<>"), (List{"<>"}));
  EXPECT_LE(decode_message_ids("<" + Bytes(10'000, 'x') + ">").at(0).size(), 998u);
}

TEST_F(HeaderTextTest, ReadsDates) {
  const Time expected = parse_rfc3339("2026-11-24T03:54:30Z").value();
  for (const std::string_view text :
       {"Tue, 24 Nov 2026 03:54:30 +0000", "24 Nov 2026 03:54:30 GMT",
        "Tue, 24 Nov 2026 04:54:30 +0100 (CET)", "Mon, 23 Nov 2026 22:54:30 -0500",
        "Mon, 23 Nov 2026 22:54:30 EST", "Tue,24 Nov 2026 03:54:30 +0000",
        "Tue, 24 Nov 26 03:54:30 +0000", "Tue, 24 Nov 2026\r\n 03:54:30 +0000",
        "  Tue, 24 Nov 2026 03:54:30 UT"}) {
    EXPECT_EQ(parse_mail_date(text), expected) << text;
  }
  EXPECT_EQ(parse_mail_date("Tue, 24 Nov 2026 03:54 +0000"), parse_rfc3339("2026-11-24T03:54:00Z"));
  EXPECT_EQ(parse_mail_date("Sun, 29 Feb 2004 12:00:00 +0000"),
            parse_rfc3339("2004-02-29T12:00:00Z"));
}

TEST_F(HeaderTextTest, RefusesWhatIsNoDate) {
  for (const std::string_view text :
       {"", " ", "yesterday", "0", "Tue,", "Tue, 24 Foo 2026 03:54:30 +0000",
        "24 Nov 99999 03:54:30 +0000", "Mon, 1 Jan 1900 00:00:00 +0000",
        "Thu, 1 Jan 9999 00:00:00 +0000"}) {
    EXPECT_FALSE(parse_mail_date(text)) << text;
  }
  EXPECT_FALSE(parse_mail_date(Bytes(1'000'000, '1')));
  EXPECT_FALSE(parse_mail_date(Bytes("\0\0", 2)));
}

}  // namespace
}  // namespace kopial
