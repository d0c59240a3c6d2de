#include "storage/mail/message_view.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

class MessageViewTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { initialise_mail(); }
};

Summary summary_of(BytesView raw) {
  return summarize(raw, scan(raw));
}
Digest identity_of(BytesView raw) {
  const auto structure = scan(raw);
  return content_identity(raw, structure, summarize(raw, structure));
}

TEST_F(MessageViewTest, SummarizesTheEnvelope) {
  const auto summary = summary_of(
      "From: =?utf-8?Q?J=C3=BCrgen?= <j@Example.org>\r\nSender: s@example.org\r\nReply-To: "
      "r@example.org\r\n"
      "To: a@example.org,\r\n b@example.org\r\nTo: second@example.org\r\nCc: c@example.org\r\nBcc: "
      "hidden@example.org\r\n"
      "SUBJECT: =?utf-8?B?R3LDvMOfZQ==?=\r\nDate: Tue, 24 Nov 2026 04:54:00 +0100\r\nMessage-ID: "
      "<id@example.org>\r\n"
      "In-Reply-To: <parent@example.org> <other@example.org>\r\nReferences: <one@x>\r\n "
      "<two@x>\r\n\r\nbody\r\n");
  EXPECT_EQ(summary.from, (std::vector<MailAddress>{{"Jürgen", "j@example.org"}}));
  EXPECT_EQ(summary.sender, (std::vector<MailAddress>{{"", "s@example.org"}}));
  EXPECT_EQ(summary.reply_to, (std::vector<MailAddress>{{"", "r@example.org"}}));
  EXPECT_EQ(summary.to.size(), 3u) << "repeated fields are joined";
  EXPECT_EQ(summary.cc, (std::vector<MailAddress>{{"", "c@example.org"}}));
  EXPECT_EQ(summary.bcc, (std::vector<MailAddress>{{"", "hidden@example.org"}}));
  EXPECT_EQ(summary.subject, "Grüße");
  EXPECT_EQ(summary.date, parse_rfc3339("2026-11-24T03:54:00Z"));
  EXPECT_EQ(summary.message_id, "id@example.org");
  EXPECT_EQ(summary.in_reply_to, "parent@example.org");
  EXPECT_EQ(summary.references, (std::vector<std::string>{"one@x", "two@x"}));
  EXPECT_EQ(summary.attachments, 0u);
  EXPECT_EQ(summary.defects, 0u);
}

TEST_F(MessageViewTest, MarksBadAndRepeatedFields) {
  const auto summary = summary_of(
      "Subject: first\r\nSubject: second\r\nDate: never\r\nDate: Tue, 24 Nov 2026 03:54:00 "
      "+0000\r\n\r\nbody");
  EXPECT_EQ(summary.subject, "first");
  EXPECT_FALSE(summary.date);
  EXPECT_EQ(summary.defects & (kDuplicateField | kBadDate),
            std::uint32_t{kDuplicateField | kBadDate});
  Bytes references = "References:";
  for (int i = 0; i < 500; ++i) references += fmt::format(" <{}@x>", i);
  const auto many = summary_of(references + "\r\n\r\n").references;
  ASSERT_EQ(many.size(), 100u);
  EXPECT_EQ(many.front(), "400@x");
  EXPECT_EQ(many.back(), "499@x");
}

TEST_F(MessageViewTest, FindsHeaderFieldsWithoutCase) {
  const Bytes raw = "X-A: one\r\nx-a: two\r\nB: =?utf-8?Q?=C3=A9?=\r\n\r\n";
  const auto structure = scan(raw);
  EXPECT_EQ(header_value(raw, structure.entities[0], "x-A"), "one");
  EXPECT_EQ(header_value(raw, structure.entities[0], "missing"), std::nullopt);
  EXPECT_EQ(header_values(raw, structure.entities[0]),
            (std::vector<std::pair<std::string, std::string>>{
                {"X-A", "one"}, {"x-a", "two"}, {"B", "é"}}));
}

TEST_F(MessageViewTest, TellsBodiesFromAttachments) {
  const Bytes raw =
      "Content-Type: multipart/mixed; boundary=m\r\n\r\n"
      "--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
      "--a\r\n\r\nplain\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--a--\r\n"
      "--m\r\nContent-Type: text/plain; name=notes.txt\r\n\r\nattached text\r\n"
      "--m\r\nContent-Type: text/html\r\nContent-Disposition: attachment\r\n\r\nattached html\r\n"
      "--m\r\nContent-Type: image/png\r\nContent-Disposition: inline\r\n\r\nx\r\n"
      "--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--m--\r\n";
  const auto structure = scan(raw);
  const auto parts = classify(structure);
  ASSERT_EQ(parts.text.size(), 1u);
  EXPECT_EQ(structure.entities[parts.text[0]].body.of(raw), "plain");
  ASSERT_EQ(parts.html.size(), 1u);
  EXPECT_EQ(structure.entities[parts.html[0]].body.of(raw), "<p>html");
  std::vector<std::string> types;
  for (const auto index : parts.attachments) types.push_back(structure.entities[index].media_type);
  EXPECT_EQ(types,
            (std::vector<std::string>{"text/plain", "text/html", "image/png", "message/rfc822"}))
      << "the inside of the message is its own";
  EXPECT_EQ(summarize(raw, structure).attachments, 4u);
}

TEST_F(MessageViewTest, ReadsTextInAnyCharsetAndEncoding) {
  struct Case {
    const char* type;
    const char* encoding;
    Bytes body;
    std::string text;
    std::uint32_t defects;
  };
  const Case kTable[] = {
      {"text/plain; charset=utf-8", "8bit", "Grüße", "Grüße", 0},
      {"text/plain; charset=iso-8859-1", "quoted-printable", "Gr=FC=DFe", "Grüße", 0},
      {"text/plain; charset=koi8-r", "base64", "8NLJ18XU", "Привет", 0},
      {"text/plain", "7bit",
       "Gr\xfc\xdf"
       "e",
       "Grüße", 0},                                                   // declares nothing
      {"text/plain; charset=us-ascii", "7bit", "Grüße", "Grüße", 0},  // lies, and is UTF-8
      {"text/plain; charset=utf-8", "7bit",
       "Gr\xfc"
       "n",
       "Gr\xef\xbf\xbdn", 0},  // lies, and is Latin-1
      {"text/plain; charset=x-unknown", "7bit",
       "Gr\xfc\xdf"
       "e",
       "Grüße", kUnknownCharset},
      {"text/plain; charset=utf-8", "base64", "!!!", "", kBadBase64},
      {"text/plain; charset=utf-8", "quoted-printable", "a=ZZ", "a=ZZ", kBadQuotedPrintable},
      {"text/plain; charset=utf-8", "x-own", "text", "text", kUnknownTransferEncoding},
  };
  for (const auto& test : kTable) {
    const Bytes raw = fmt::format("Content-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n",
                                  test.type, test.encoding) +
                      test.body;
    std::uint32_t defects = 0;
    EXPECT_EQ(leaf_text(raw, scan(raw).entities[0], 1000, defects), test.text) << test.type;
    EXPECT_EQ(defects, test.defects) << test.type;
  }
}

TEST_F(MessageViewTest, CutsTextAtACharacter) {
  const Bytes raw = "Content-Type: text/plain; charset=utf-8\r\n\r\n" + [] {
    Bytes euros;
    for (int i = 0; i < 1000; ++i) euros += "€";
    return euros;
  }();
  for (std::size_t most = 0; most < 20; ++most) {
    std::uint32_t defects = 0;
    const auto text = leaf_text(raw, scan(raw).entities[0], most, defects);
    EXPECT_TRUE(is_valid_utf8(text)) << most;
    EXPECT_EQ(text.size(), most / 3 * 3);
  }
}

// --- content identity

constexpr std::string_view kHead =
    "From: a@example.org\r\nTo: b@example.org\r\nSubject: same\r\nDate: Tue, 24 Nov 2026 03:54:00 "
    "+0000\r\nMessage-ID: <same@example.org>\r\n";

Bytes message(std::string_view head, std::string_view boundary, std::string_view text,
              std::string_view file, std::string_view more_head = "") {
  return fmt::format(
      "{0}{4}Content-Type: multipart/mixed; boundary=\"{1}\"\r\n\r\n--{1}\r\nContent-Type: "
      "text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n{2}\r\n--{1}\r\nContent-Type: "
      "application/pdf; name=a.pdf\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n{3}\r\n--{1}--\r\n",
      head, boundary, text, file, more_head);
}

TEST_F(MessageViewTest, KnowsTheSameMessageAgain) {
  const auto identity = identity_of(message(kHead, "b1", "caf=C3=A9 =\r\nau lait", "QUJDREVG"));
  EXPECT_EQ(identity,
            identity_of(message(kHead, "another", "caf=C3=A9 au=\r\n lait", "QUJD\r\nREVG\r\n")))
      << "boundaries and line lengths";
  EXPECT_EQ(
      identity,
      identity_of("Received: from x by y; Tue, 24 Nov 2026 05:00:00 +0000\r\nX-Mailer: z\r\n" +
                  message(kHead, "b1", "caf=C3=A9 au lait", "QUJDREVG")))
      << "trace fields";
  Bytes feeds = message(kHead, "b1", "caf=C3=A9 au lait", "QUJDREVG");
  std::erase(feeds, '\r');
  EXPECT_EQ(identity, identity_of(feeds)) << "line ends";
}

TEST_F(MessageViewTest, TellsDifferentMessagesApart) {
  std::vector<Digest> seen = {identity_of(message(kHead, "b", "text", "QUJDREVG"))};
  const auto other = [&](const Bytes& raw, const char* what) {
    const auto identity = identity_of(raw);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), identity), 0) << what;
    seen.push_back(identity);
  };
  const auto changed = [](std::string_view from, std::string_view to) {
    std::string head(kHead);
    head.replace(head.find(from), from.size(), to);
    return message(head, "b", "text", "QUJDREVG");
  };
  other(message(kHead, "b", "text.", "QUJDREVG"), "text");
  other(message(kHead, "b", "text", "QUJDREVH"), "attachment");
  other(message(kHead, "b", "text", "QUJDREVG", "Bcc: hidden@example.org\r\n"), "Bcc");
  other(message(kHead, "b", "text", "QUJDREVG", "Cc: hidden@example.org\r\n"),
        "the same address in another field");
  other(changed("Subject: same", "Subject: other"), "subject");
  other(changed("<same@", "<other@"), "Message-ID");
  other(changed("03:54", "03:55"), "date");
  other(changed("a@example.org", "c@example.org"), "From");
  other(changed("b@example.org", "b@example.org, d@example.org"), "To");
}

// Nothing says that two messages without id, date and sender are one: only equal bytes are.
TEST_F(MessageViewTest, TakesAnonymousMessagesByTheirBytes) {
  EXPECT_EQ(identity_of("Subject: x\r\n\r\nbody"), identity_of("Subject: x\r\n\r\nbody"));
  EXPECT_NE(identity_of("Subject: x\r\n\r\nbody"), identity_of("Subject: x\r\n\r\nbody\r\n"));
  EXPECT_NE(identity_of("X: 1\r\nSubject: x\r\n\r\nbody"),
            identity_of("X: 2\r\nSubject: x\r\n\r\nbody"));
  EXPECT_NE(identity_of(""), identity_of("\r\n"));
}

}  // namespace
}  // namespace kopial
