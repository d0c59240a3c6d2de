#include "storage/mail/journal_report.h"

#include <gtest/gtest.h>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

using Field = JournalRecipient::Field;

const Bytes kOriginal =
    "From: Boss <boss@contoso.com>\r\nTo: megan@contoso.com, finance@contoso.com\r\nSubject: Budget Q3\r\nMessage-ID: <4aade254@contoso.com>\r\n\r\n"
    "Sender: not-the-envelope@contoso.com\r\nTo: nobody@contoso.com\r\n";

const std::string kEnvelope =
    "Sender: dan@contoso.com\r\nOn-Behalf-Of: boss@contoso.com\r\nSubject: Budget Q3\r\n of all\r\nMessage-Id: <4aade254@contoso.com>\r\nTo: megan@contoso.com\r\n"
    "To: kim@contoso.com, Expanded: finance@contoso.com\r\nCc: lee@contoso.com, Forwarded: old.lee@contoso.com\r\nBcc: secret@partner.example\r\n"
    "Recipient: relay@fabrikam.example\r\nLabel: keep\r\n\r\n";

Bytes report(const std::string& envelope, const Bytes& original, const std::string& mark = "X-MS-Journal-Report:\r\n", const std::string& text_head = "Content-Type: text/plain; charset=\"us-ascii\"\r\n") {
  return "From: \"Microsoft Outlook\" <MicrosoftExchange329e@contoso.com>\r\nTo: <journal@archive.contoso.net>\r\nSubject: Budget Q3\r\nMessage-ID: <9f2c@contoso.com>\r\n"
         "MIME-Version: 1.0\r\n" + mark + "Content-Type: multipart/mixed; boundary=\"_000_abc_\"\r\n\r\n--_000_abc_\r\n" + text_head + "\r\n" + envelope +
         "\r\n--_000_abc_\r\nContent-Type: message/rfc822\r\n\r\n" + original + "\r\n--_000_abc_--\r\n";
}

TEST(JournalReportTest, ReadsTheEnvelopeAndGivesTheOriginalByteForByte) {
  const auto read = read_journal_report(report(kEnvelope, kOriginal));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->envelope.sender, "dan@contoso.com");
  EXPECT_EQ(read->envelope.on_behalf_of, "boss@contoso.com");
  EXPECT_EQ(read->envelope.message_id, "4aade254@contoso.com");
  const std::vector<JournalRecipient> wanted{{Field::to, "megan@contoso.com", "", ""},
                                             {Field::to, "kim@contoso.com", "finance@contoso.com", ""},
                                             {Field::cc, "lee@contoso.com", "", "old.lee@contoso.com"},
                                             {Field::bcc, "secret@partner.example", "", ""},
                                             {Field::recipient, "relay@fabrikam.example", "", ""}};
  EXPECT_EQ(read->envelope.recipients, wanted);
  ASSERT_EQ(read->originals.size(), 1u);
  EXPECT_EQ(read->originals.front(), kOriginal);
  EXPECT_NE(read->text.find("Label: keep"), std::string::npos) << "fields nobody knows are evidence, too";
  EXPECT_EQ(addresses_of(read->envelope), (std::vector<std::string>{"dan@contoso.com", "boss@contoso.com", "megan@contoso.com", "kim@contoso.com", "finance@contoso.com",
                                                                    "lee@contoso.com", "old.lee@contoso.com", "secret@partner.example", "relay@fabrikam.example"}));
}

TEST(JournalReportTest, FindsBlindCopiesThatTheHeaderDoesNotName) {
  const auto read = read_journal_report(report(kEnvelope, kOriginal));
  ASSERT_TRUE(read);
  // kim came through the list that the header names; lee and the relay are in no header, and lee was a Cc by the server's own word.
  EXPECT_EQ(blind_copies(read->envelope, kOriginal), (std::vector<std::string>{"secret@partner.example", "relay@fabrikam.example"}));
}

TEST(JournalReportTest, KnowsEveryMarkAndNothingElse) {
  for (const auto* mark : {"X-MS-Journal-Report:\r\n", "x-ms-journal-report: \r\n", "X-MS-Exchange-Organization-Journal-Report:\r\n", "Content-Identifer: ExJournalReport\r\n",
                           "Content-Identifier: exjournalreport\r\n", "X-WM-Journal-Report: journal\r\n"}) {
    EXPECT_TRUE(read_journal_report(report(kEnvelope, kOriginal, mark))) << mark;
  }
  EXPECT_FALSE(read_journal_report(report(kEnvelope, kOriginal, "")));
  EXPECT_FALSE(read_journal_report(report(kEnvelope, kOriginal, "Content-Identifier: something\r\n")));
  EXPECT_FALSE(read_journal_report(""));
  EXPECT_FALSE(read_journal_report(kOriginal));
}

TEST(JournalReportTest, ReadsAnEncodedReportText) {
  const auto encoded = base64_encode(kEnvelope);
  const auto read = read_journal_report(report(encoded, kOriginal, "X-MS-Journal-Report:\r\n", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->envelope.recipients.size(), 5u);
}

TEST(JournalReportTest, UnwrapsANonDeliveryReportTwice) {
  const auto inner = report(kEnvelope, kOriginal);
  const Bytes ndr = "From: postmaster@contoso.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=\"ndr\"\r\n\r\n--ndr\r\nContent-Type: text/plain\r\n\r\nundeliverable\r\n"
                    "--ndr\r\nContent-Type: message/rfc822\r\n\r\n" + inner + "\r\n--ndr--\r\n";
  const auto read = read_journal_report(ndr);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->envelope.sender, "dan@contoso.com");
  ASSERT_EQ(read->originals.size(), 1u);
  EXPECT_EQ(read->originals.front(), kOriginal);
}

TEST(JournalReportTest, TakesAReportInsideAReportForItsOriginal) {
  const auto inner = report("Sender: inner@contoso.com\r\nTo: other@contoso.com\r\n", kOriginal);
  const auto read = read_journal_report(report(kEnvelope, inner));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->envelope.sender, "dan@contoso.com");
  ASSERT_EQ(read->originals.size(), 1u);
  EXPECT_EQ(read->originals.front(), inner);
}

TEST(JournalReportTest, SaysWhenTheOriginalIsAbsentOrTnef) {
  const Bytes tnef = "X-MS-Journal-Report:\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSender: a@b.c\r\nRecipient: d@e.f\r\n"
                     "--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+IgAA\r\n--b--\r\n";
  const auto read = read_journal_report(tnef);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->originals.empty());
  EXPECT_TRUE(read->tnef);
  EXPECT_EQ(read->envelope.recipients, (std::vector<JournalRecipient>{{Field::recipient, "d@e.f", "", ""}}));
}

TEST(JournalReportTest, PrefersTheEnvelopeToADisclaimer) {
  const Bytes with_disclaimer = "X-MS-Journal-Report:\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: text/plain\r\n\r\nThis mail is confidential.\r\n"
                                "--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nContent-Type: text/plain\r\n\r\n" + kEnvelope +
                                "--i\r\nContent-Type: message/rfc822\r\n\r\n" + kOriginal + "\r\n--i--\r\n--o--\r\n";
  const auto read = read_journal_report(with_disclaimer);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->envelope.recipients.size(), 5u);
  ASSERT_EQ(read->originals.size(), 1u);
  EXPECT_EQ(read->originals.front(), kOriginal);
}

TEST(JournalReportTest, MergesReportsThatEachNameAPartOfTheRecipients) {
  JournalEnvelope first{"a@x", "", "1@x", {{Field::recipient, "B@x", "", ""}, {Field::to, "c@x", "list@x", ""}}};
  const JournalEnvelope second{"a@x", "boss@x", "1@x", {{Field::bcc, "b@X", "", ""}, {Field::to, "c@x", "list@x", ""}, {Field::to, "c@x", "", ""}, {Field::cc, "d@x", "", ""}}};
  const auto all = merge(first, second);
  EXPECT_EQ(all.on_behalf_of, "boss@x");
  EXPECT_EQ(all.recipients, (std::vector<JournalRecipient>{{Field::bcc, "B@x", "", ""}, {Field::to, "c@x", "list@x", ""}, {Field::to, "c@x", "", ""}, {Field::cc, "d@x", "", ""}}));
  EXPECT_EQ(merge(all, second), all) << "merging twice changes nothing";
}

}  // namespace
}  // namespace kopial
