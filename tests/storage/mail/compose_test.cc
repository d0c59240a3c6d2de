#include "storage/mail/compose.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"

namespace kopial {
namespace {

Draft draft() {
  Draft draft;
  draft.from = {"Kopial Bericht", "kopial@example.org"};
  draft.to = {{"Jürgen, Müller", "j@example.org"}, {"", "k@example.org"}};
  draft.cc = {{"Cc", "c@example.org"}};
  draft.subject =
      "Prüfung über eine sehr lange Zeile, die gefaltet werden muss, weil sie sonst länger als 78 "
      "Zeichen wäre";
  draft.date = parse_rfc3339("2026-11-24T03:54:00Z").value();
  draft.message_id = "id@example.org";
  draft.text = "Grüße\r\n.\r\nFrom here\r\n";
  return draft;
}

std::string long_name() {
  std::string name;
  for (int i = 0; i < 100; ++i) name += "ü x;";
  return name;
}

// What was composed reads back as it was meant, by our own reader: plain, with HTML, with
// attachments, with both.
TEST(ComposeTest, ReadsBackAsItWasMeant) {
  for (const bool html : {false, true}) {
    for (const bool files : {false, true}) {
      Draft written = draft();
      if (html) written.html = "<p>Grüße</p>";
      if (files)
        written.attachments = {
            {"Übersicht \"2026\".pdf", "application/pdf", Bytes("\0\xff\r\n--", 6)},
            {"empty.txt", "text/plain", ""},
            {long_name() + ".pdf", "application/pdf", "x"}};
      const auto raw = compose(written);
      ASSERT_TRUE(raw) << raw.error().message;
      const auto structure = scan(*raw);
      EXPECT_EQ(structure.defects, 0u)
          << ::testing::PrintToString(defect_names(structure.defects)) << *raw;
      const auto summary = summarize(*raw, structure);
      EXPECT_EQ(summary.from, (std::vector<MailAddress>{written.from}));
      EXPECT_EQ(summary.to, written.to);
      EXPECT_EQ(summary.cc, written.cc);
      EXPECT_EQ(summary.subject, written.subject);
      EXPECT_EQ(summary.date, written.date);
      EXPECT_EQ(summary.message_id, written.message_id);
      const auto parts = classify(structure);
      std::uint32_t defects = 0;
      ASSERT_EQ(parts.text.size(), 1u);
      EXPECT_EQ(leaf_text(*raw, structure.entities[parts.text[0]], 10'000, defects), written.text);
      ASSERT_EQ(parts.html.size(), html ? 1u : 0u);
      if (html) {
        EXPECT_EQ(leaf_text(*raw, structure.entities[parts.html[0]], 10'000, defects),
                  written.html);
      }
      ASSERT_EQ(parts.attachments.size(), written.attachments.size());
      for (std::size_t i = 0; i < parts.attachments.size(); ++i) {
        const auto& entity = structure.entities[parts.attachments[i]];
        EXPECT_EQ(entity.filename, written.attachments[i].filename);
        EXPECT_EQ(entity.media_type, written.attachments[i].media_type);
        EXPECT_EQ(decode_transfer(entity.body.of(*raw), entity.encoding).bytes,
                  written.attachments[i].content);
      }
      EXPECT_EQ(defects, 0u);
    }
  }
}

TEST(ComposeTest, WritesSevenBitsInShortLinesWithCrlf) {
  Draft written = draft();
  written.html = "<p>" + Bytes(5000, 'x');
  written.attachments = {{"a", "application/octet-stream", Bytes(10'000, '\xff')}};
  const Bytes raw = compose(written).value();
  EXPECT_TRUE(std::all_of(raw.begin(), raw.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '\0';
  }));
  for (std::size_t at = 0; at < raw.size();) {
    const auto end = raw.find('\n', at);
    ASSERT_NE(end, Bytes::npos);
    ASSERT_TRUE(end > at && raw[end - 1] == '\r') << raw.substr(at, end - at);
    EXPECT_LE(end - at, 998u);
    at = end + 1;
  }
}

TEST(ComposeTest, RefusesWhatWouldBreakAHeader) {
  const auto refused = [](auto change) {
    Draft bad = draft();
    bad.attachments = {{"a.txt", "text/plain", "x"}};
    EXPECT_TRUE(compose(bad)) << "the draft itself is fine";
    change(bad);
    const auto made = compose(bad);
    EXPECT_FALSE(made);
    return !made && made.error().code == ErrorCode::invalid;
  };
  EXPECT_TRUE(refused([](Draft& bad) { bad.subject = "a\r\nBcc: x@example.org"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.subject = "a\nb"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.message_id = "a\r\nb"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.from.name = "a\r\nb"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.to[0].address = "a@b\r\nX: y"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.to[0].address = "nobody"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.cc[0].address = "a@b, c@d"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.from.address = "a@b>"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.attachments[0].media_type = "text/plain\r\nX: y"; }));
  EXPECT_TRUE(refused([](Draft& bad) { bad.attachments[0].filename = std::string("a\0b", 3); }));
}

}  // namespace
}  // namespace kopial
