#include "storage/mail/structure.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <time.h>

#include <functional>
#include <random>

#include "storage/mail/message_view.h"
#include "tests/storage/mail/sound_structure.h"

namespace kopial {
namespace {

Structure sound(BytesView raw, const ScanLimits& limits = {}) {
  auto structure = scan(raw, limits);
  EXPECT_EQ(unsound(raw, structure, limits), "");
  return structure;
}

bool has(const Structure& structure, std::uint32_t defect) {
  return (structure.defects & defect) != 0;
}

std::vector<BytesView> leaves(BytesView raw, const Structure& structure) {
  std::vector<BytesView> out;
  for (const auto& entity : structure.entities) {
    if (entity.is_leaf()) out.push_back(entity.body.of(raw));
  }
  return out;
}

Bytes with_line_feeds(Bytes text) {
  std::erase(text, '\r');
  return text;
}

const Bytes kTwoParts =
    "From: a@example.org\r\nSubject: two\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\n"
    "preamble\r\n--b 1\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nHello\r\n\r\n--b 1  \r\n"
    "Content-Type: application/PDF; name=x.pdf\r\nContent-Transfer-Encoding: BASE64\r\n"
    "Content-Disposition: Attachment; filename=\"y.pdf\"\r\nContent-ID: <id@x>\r\n\r\nQUJD\r\n--b "
    "1--\r\nepilogue\r\n";

TEST(StructureTest, FindsEveryPartWhereItLies) {
  const auto structure = sound(kTwoParts);
  EXPECT_EQ(structure.defects, 0u) << ::testing::PrintToString(defect_names(structure.defects));
  ASSERT_EQ(structure.entities.size(), 3u);
  const auto& root = structure.entities[0];
  EXPECT_TRUE(root.is_multipart);
  EXPECT_EQ(root.media_type, "multipart/mixed");
  EXPECT_EQ(root.boundary, "b 1");
  EXPECT_EQ(root.header.of(kTwoParts), kTwoParts.substr(0, kTwoParts.find("\r\n\r\n") + 2));
  const auto& text = structure.entities[1];
  EXPECT_EQ(text.body.of(kTwoParts), "Hello\r\n")
      << "the line end in front of the delimiter belongs to the delimiter";
  EXPECT_EQ(text.header.of(kTwoParts), "Content-Type: text/plain; charset=UTF-8\r\n");
  EXPECT_EQ(text.media_type, "text/plain");
  EXPECT_EQ(text.charset, "utf-8");
  const auto& file = structure.entities[2];
  EXPECT_EQ(file.body.of(kTwoParts), "QUJD");
  EXPECT_EQ(file.media_type, "application/pdf");
  EXPECT_EQ(file.encoding, TransferEncoding::base64);
  EXPECT_EQ(file.disposition, "attachment");
  EXPECT_EQ(file.filename, "y.pdf") << "Content-Disposition goes first";
  EXPECT_EQ(file.content_id, "id@x");
}

TEST(StructureTest, ReadsBareLineFeedsTheSame) {
  const Bytes raw = with_line_feeds(kTwoParts);
  const auto structure = sound(raw);
  EXPECT_EQ(structure.defects, std::uint32_t{kBareLineFeed});
  EXPECT_EQ(leaves(raw, structure), (std::vector<BytesView>{"Hello\n", "QUJD"}));
}

TEST(StructureTest, ReadsMixedLineEndsTheSame) {
  Bytes raw;
  bool carriage = false;
  for (const char c : with_line_feeds(kTwoParts)) {
    if (c == '\n' && (carriage = !carriage)) raw += '\r';
    raw += c;
  }
  EXPECT_EQ(sound(raw).entities.size(), 3u);
}

TEST(StructureTest, TakesTheEmptyMessage) {
  const auto structure = sound("");
  ASSERT_EQ(structure.entities.size(), 1u);
  EXPECT_TRUE(has(structure, kEmptyMessage));
  EXPECT_EQ(structure.entities[0].body, (Span{0, 0}));
  EXPECT_EQ(structure.entities[0].media_type, "text/plain");
  EXPECT_EQ(sound(BytesView()).entities.size(), 1u);
}

struct Odd {
  const char* name;
  Bytes raw;
  std::uint32_t defects;  // that must be among those found
  std::size_t entities;
};

TEST(StructureTest, MarksWhatIsOdd) {
  const Bytes multipart = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  const Odd kTable[] = {
      {"one line end", "\r\n", 0, 1},
      {"one line feed", "\n", kBareLineFeed, 1},
      {"a blank line alone with a bare line feed", "Subject: x\r\n\nbody\r\n", kBareLineFeed, 1},
      {"only a body", "no header here\r\nat all\r\n", kNoHeader, 1},
      {"only blanks", " \t ", kJunkInHeader, 1},
      {"only a header", "Subject: x\r\n", kMissingHeaderEnd, 1},
      {"a header cut short", "Subject: x", kMissingHeaderEnd, 1},
      {"junk between fields", "Subject: x\r\nthis is junk\r\nFrom: a@b\r\n\r\nbody", kJunkInHeader,
       1},
      {"NUL in the body", Bytes("Subject: x\r\n\r\na\0b\r\n", 18), kNulByte, 1},
      {"NUL in the header", Bytes("Sub\0ject: x\r\n\r\nbody\r\n", 21), kNulByte, 1},
      {"NUL everywhere", Bytes(5000, '\0'), kNulByte, 1},
      {"a bare carriage return", "Subject: x\r\n\r\na\rb\r\n", kBareCarriageReturn, 1},
      {"an 8-bit header", "Subject: caf\xe9\r\n\r\nbody\r\n", kEightBitHeader, 1},
      {"a long line in the header", "Subject: " + Bytes(1000, 'x') + "\r\n\r\nbody\r\n",
       kLineTooLong, 1},
      {"no boundary", "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n", kNoBoundary,
       1},
      {"an empty boundary",
       "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----\r\n", kNoBoundary,
       1},
      {"a lying boundary", multipart + "--c\r\n\r\nx\r\n--c--\r\n", kBoundaryNotFound, 1},
      {"no end boundary", multipart + "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n", kUnclosedBoundary, 3},
      {"a part that ends in its header", multipart + "--b\r\nContent-Type: text/plain\r\n--b--\r\n",
       kMissingHeaderEnd, 2},
      {"a delimiter at the very end", multipart + "--b", kUnclosedBoundary, 2},
      {"only a closing delimiter", multipart + "--b--", 0, 1},
      {"a strange encoding", "Content-Transfer-Encoding: x-secret\r\n\r\nbody",
       kUnknownTransferEncoding, 1},
      {"Content-Type twice", "Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\nbody",
       kDuplicateField, 1},
      {"an encoded multipart",
       "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: "
       "base64\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
       kEncodedMultipart, 2},
      {"an encoded message",
       "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n",
       kEncodedMultipart, 1},
      {"an mbox line", "From a@b Tue Nov 24 03:54:00 2026\r\nSubject: x\r\n\r\nbody", kMboxFromLine,
       1},
      {"an mbox line alone", "From a@b", kMboxFromLine, 1},
  };
  for (const auto& odd : kTable) {
    SCOPED_TRACE(odd.name);
    const auto structure = sound(odd.raw);
    EXPECT_EQ(structure.defects & odd.defects, odd.defects)
        << ::testing::PrintToString(defect_names(structure.defects));
    EXPECT_EQ(structure.entities.size(), odd.entities);
  }
}

TEST(StructureTest, LeavesWhatItCannotFindOpaque) {
  const Bytes raw =
      "Content-Type: multipart/mixed; boundary=declared\r\n\r\n--used\r\n\r\nx\r\n--used--\r\n";
  const auto structure = sound(raw);
  ASSERT_EQ(structure.entities.size(), 1u);
  EXPECT_EQ(structure.entities[0].body.of(raw), "--used\r\n\r\nx\r\n--used--\r\n");
}

TEST(StructureTest, GivesTheLastPartEverythingWhenTheEndIsMissing) {
  const Bytes raw =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n";
  EXPECT_EQ(leaves(raw, sound(raw)), (std::vector<BytesView>{"one", "two\r\n"}));
}

TEST(StructureTest, ComparesBoundariesWhole) {
  const Bytes raw =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--bb\r\n--b\r\n\r\none\r\n--bx\r\n "
      "--b\r\n--b--x\r\n- --b\r\n--b-- \t\r\n--b\r\nend";
  EXPECT_EQ(leaves(raw, sound(raw)),
            (std::vector<BytesView>{"one\r\n--bx\r\n --b\r\n--b--x\r\n- --b"}));
}

// RFC 2046 section 5.1.2: a delimiter of an outer multipart ends everything inside it.
TEST(StructureTest, EndsInnerPartsAtOuterDelimiters) {
  const Bytes raw =
      "Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: "
      "multipart/alternative; boundary=inner\r\n\r\n"
      "--inner\r\n\r\none\r\n--outer\r\n\r\ntwo\r\n--inner\r\nstill two\r\n--outer--\r\n";
  const auto structure = sound(raw);
  EXPECT_TRUE(has(structure, kUnclosedBoundary));
  EXPECT_EQ(leaves(raw, structure), (std::vector<BytesView>{"one", "two\r\n--inner\r\nstill two"}));
}

TEST(StructureTest, ReadsNestedMessagesAndDigests) {
  const Bytes raw =
      "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: "
      "inner\r\nContent-Type: text/html\r\n\r\n<p>x\r\n"
      "--b\r\nContent-Type: text/plain\r\n\r\nno message\r\n--b--\r\n";
  const auto structure = sound(raw);
  ASSERT_EQ(structure.entities.size(), 4u);
  EXPECT_TRUE(structure.entities[1].is_message) << "the default type in a digest";
  EXPECT_EQ(structure.entities[2].media_type, "text/html");
  EXPECT_EQ(structure.entities[2].parent, 1);
  EXPECT_EQ(structure.entities[2].header.offset, structure.entities[1].body.offset);
  EXPECT_EQ(leaves(raw, structure), (std::vector<BytesView>{"<p>x", "no message"}));
}

// Boundaries are bytes: blanks, what looks like an encoded word, and 8-bit bytes count as they are.
TEST(StructureTest, ComparesBoundariesAsTheyAreWritten) {
  for (const std::string_view boundary :
       {"a  b", " b", "=?utf-8?Q?x?=", "caf\xe9", "a'()+_,-./:=?b"}) {
    const Bytes raw = fmt::format(
        "Content-Type: multipart/mixed; boundary=\"{0}\"\r\n\r\n--{0}\r\n\r\none\r\n--{0}--\r\n",
        boundary);
    EXPECT_EQ(leaves(raw, sound(raw)), (std::vector<BytesView>{"one"})) << boundary;
  }
}

// What goes into answers and listings is text, whatever the sender wrote, and one line of it.
TEST(StructureTest, GivesTextOutOfBytesThatAreNone) {
  Bytes long_name;
  while (long_name.size() < 3'000)
    long_name += "\xe2\x82\xac";  // three bytes each: 1 024 is no whole number of them
  const Bytes raw =
      "Content-Type: te\xff"
      "t/pl\x01in; charset=\"\xff" +
      long_name +
      "\"\r\nContent-Disposition: att\xe9"
      "ch\x07;\r\n filename*=utf-8''a%0D%0Ab%00" +
      long_name + "\r\n\r\nbody";
  const auto entity = sound(raw).entities.at(0);
  EXPECT_EQ(entity.media_type, "text/plain") << "what is no type";
  for (const auto* text : {&entity.charset, &entity.disposition, &entity.filename}) {
    EXPECT_TRUE(is_valid_utf8(*text)) << *text;
    EXPECT_EQ(text->find_first_of(std::string_view("\0\x01\x07\r\n", 5)), std::string::npos);
  }
  EXPECT_LE(entity.filename.size(), 1024u);
  EXPECT_TRUE(entity.filename.starts_with("a  b "));
}

TEST(StructureTest, SkipsTheMboxLine) {
  const Bytes raw = ">From a@b Tue Nov 24 03:54:00 2026\r\nSubject: x\r\n\r\nbody";
  const auto structure = sound(raw);
  EXPECT_EQ(structure.entities[0].header.of(raw), "Subject: x\r\n");
  EXPECT_EQ(structure.entities[0].body.of(raw), "body");
}

// --- limits

Bytes many_parts(int parts) {
  Bytes raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < parts; ++i)
    raw += fmt::format("--b\r\nContent-Type: text/plain\r\n\r\npart {}\r\n", i);
  return raw + "--b--\r\n";
}

TEST(StructureTest, TakesTenThousandParts) {
  const Bytes raw = many_parts(9'999);
  const auto structure = sound(raw);
  EXPECT_EQ(structure.defects, 0u);
  ASSERT_EQ(structure.entities.size(), 10'000u) << "with the message itself";
  EXPECT_EQ(structure.entities.back().body.of(raw), "part 9998");
}

TEST(StructureTest, LeavesMorePartsOpaque) {
  const Bytes raw = many_parts(30'000);
  const auto structure = sound(raw);
  EXPECT_TRUE(has(structure, kTooManyParts));
  EXPECT_EQ(structure.entities.size(), 10'000u);
  EXPECT_EQ(sound(raw, ScanLimits{.parts_max = 1}).entities.size(), 1u);
}

Bytes deep_multiparts(int levels) {
  Bytes raw;
  for (int i = 0; i < levels; ++i)
    raw += fmt::format("Content-Type: multipart/mixed; boundary=b{0}\r\n\r\n--b{0}\r\n", i);
  raw += "\r\ninnermost\r\n";
  for (int i = levels; i-- > 0;) raw += fmt::format("--b{}--\r\n", i);
  return raw;
}

TEST(StructureTest, TakesAHundredLevels) {
  const Bytes raw = deep_multiparts(100);
  const auto structure = sound(raw);
  EXPECT_FALSE(has(structure, kTooDeep));
  ASSERT_EQ(structure.entities.size(), 101u);
  EXPECT_EQ(structure.entities.back().body.of(raw), "innermost");
}

TEST(StructureTest, LeavesAThousandLevelsOpaqueBelowTheLimit) {
  for (const int levels : {1'000, 100'000}) {
    const Bytes raw = deep_multiparts(levels);
    const auto structure = sound(raw);
    EXPECT_TRUE(has(structure, kTooDeep));
    EXPECT_LE(structure.entities.size(), 102u);
    EXPECT_NE(structure.entities.back().body.of(raw).find("innermost"), BytesView::npos)
        << "opaque, and not lost";
  }
}

TEST(StructureTest, LeavesAThousandNestedMessagesOpaqueBelowTheLimit) {
  Bytes raw;
  for (int i = 0; i < 1'000; ++i) raw += "Content-Type: message/rfc822\r\n\r\n";
  raw += "Subject: innermost\r\n\r\nbody";
  const auto structure = sound(raw);
  EXPECT_TRUE(has(structure, kTooDeep));
  EXPECT_LE(structure.entities.size(), 102u);
  EXPECT_TRUE(structure.entities.back().is_leaf());
  EXPECT_TRUE(structure.entities.back().body.of(raw).ends_with("body"));
}

TEST(StructureTest, ReadsOnlyTheFirstPartOfAHugeHeader) {
  Bytes raw;
  for (int i = 0; i < 20'000; ++i) raw += fmt::format("X-Field-{}: value\r\n", i);
  const Bytes whole = raw + "\r\nbody";
  const auto structure = sound(whole);
  EXPECT_TRUE(has(structure, kHeaderTooLarge));
  EXPECT_EQ(structure.entities[0].body.of(whole), "body") << "kept, and not read";
  EXPECT_EQ(header_fields(whole, structure.entities[0].header).size(), 10'000u);
  const Bytes folded = "Subject: x\r\n" + Bytes(3 << 20, ' ') + "y\r\nFrom: a@b\r\n\r\nbody";
  const auto second = sound(folded);
  EXPECT_TRUE(has(second, kHeaderTooLarge));
  EXPECT_LE(header_fields(folded, second.entities[0].header).at(0).value.size, 1u << 20);
}

TEST(HeaderFieldsTest, GivesNamesAndRawValues) {
  const Bytes raw =
      "Subject: one\r\n two\r\njunk\r\nX-Old : blank before\r\nEmpty:\r\nTo:a@b\r\n\r\nFrom: body";
  const auto structure = sound(raw);
  std::vector<std::pair<Bytes, Bytes>> fields;
  for (const auto& field : header_fields(raw, structure.entities[0].header))
    fields.emplace_back(field.name.of(raw), field.value.of(raw));
  EXPECT_EQ(
      fields,
      (std::vector<std::pair<Bytes, Bytes>>{
          {"Subject", " one\r\n two"}, {"X-Old", " blank before"}, {"Empty", ""}, {"To", "a@b"}}));
}

TEST(DefectNamesTest, NamesEachBitInOrder) {
  EXPECT_EQ(defect_names(0), std::vector<std::string>{});
  EXPECT_EQ(defect_names(kBareLineFeed | kEmptyMessage),
            (std::vector<std::string>{"empty_message", "bare_line_feed"}));
  EXPECT_EQ(defect_names(~0u).size(), 23u);
  EXPECT_EQ(defect_names(kHeaderTooLarge), std::vector<std::string>{"header_too_large"});
}

// --- size and time

TEST(StructureTest, TakesAHundredAndFiftyMegabytes) {
  constexpr std::size_t kBytes = 150 << 20;
  const Bytes head =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
      "video/mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  Bytes raw = head;
  raw.reserve(kBytes + 1000);
  const Bytes line = Bytes(76, 'Q') + "\r\n";
  while (raw.size() < kBytes) raw += line;
  const std::size_t end = raw.size() - 2;
  raw += "--b--\r\n";
  const auto structure = sound(raw);
  EXPECT_EQ(structure.defects, 0u);
  ASSERT_EQ(structure.entities.size(), 2u);
  EXPECT_EQ(structure.entities[1].body, (Span{head.size(), end - head.size()}));
  std::uint32_t defects = 0;
  EXPECT_EQ(leaf_text(raw, structure.entities[1], 1000, defects).size(), 1000u)
      << "a look takes no more than it asks for";
}

double cpu_seconds(const std::function<void()>& action) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    timespec before{}, after{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    action();
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    best = std::min(best, static_cast<double>(after.tv_sec - before.tv_sec) +
                              1e-9 * static_cast<double>(after.tv_nsec - before.tv_nsec));
  }
  return best;
}

Bytes repeated(std::string_view piece, std::size_t bytes) {
  Bytes out;
  while (out.size() < bytes) out += piece;
  return out;
}

// Eight times the input takes about eight times as long: a quadratic step would take 64 times. CPU
// time of this thread, the best of five, so that a busy machine does not matter.
TEST(StructureTest, TakesLinearTime) {
  Bytes open;  // ninety-nine open multiparts with boundaries that begin alike
  for (int i = 0; i < 99; ++i)
    open += fmt::format("Content-Type: multipart/mixed; boundary=\"{0}\"\r\n\r\n--{0}\r\n",
                        Bytes(60, '-') + std::to_string(i));
  const std::pair<const char*, std::function<Bytes(std::size_t)>> kShapes[] = {
      {"lines",
       [](std::size_t n) { return "Subject: x\r\n\r\n" + repeated("some text in a line\r\n", n); }},
      {"one line", [](std::size_t n) { return "Subject: x\r\n\r\n" + Bytes(n, 'x'); }},
      {"empty lines", [](std::size_t n) { return "Subject: x\r\n\r\n" + Bytes(n, '\n'); }},
      {"carriage returns", [](std::size_t n) { return "Subject: x\r\n\r\n" + Bytes(n, '\r'); }},
      {"fields", [](std::size_t n) { return repeated("X-Field: value\r\n", n); }},
      {"folding", [](std::size_t n) { return "X: y\r\n" + repeated(" folded\r\n", n); }},
      {"junk", [](std::size_t n) { return "X: y\r\n" + repeated("junk\r\n", n); }},
      {"almost delimiters",
       [](std::size_t n) {
         return "Content-Type: multipart/mixed; boundary=bbbb\r\n\r\n" + repeated("--bbbbx\r\n", n);
       }},
      {"delimiters",
       [](std::size_t n) {
         return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated("--b\r\n", n);
       }},
      {"deep, almost delimiters",
       [&](std::size_t n) { return open + "\r\n" + repeated("--" + Bytes(60, '-') + "\r\n", n); }},
      {"parameters",
       [](std::size_t n) {
         return "Content-Type: text/plain" + repeated("; a=b", n) + "\r\n\r\n";
       }},
      {"comments",
       [](std::size_t n) { return "Content-Type: text/plain " + Bytes(n, '(') + "\r\n\r\n"; }},
      {"quotes",
       [](std::size_t n) {
         return "Content-Type: text/plain; name=" + repeated("\"\\", n) + "\r\n\r\n";
       }},
      {"messages",
       [](std::size_t n) { return repeated("Content-Type: message/rfc822\r\n\r\n", n); }},
  };
  for (const auto& [name, make] : kShapes) {
    // Small enough that header limits do not hide anything, large enough to be measured.
    const Bytes small = make(100'000), large = make(800'000);
    const double one = cpu_seconds([&] { scan(small); });
    const double eight = cpu_seconds([&] { scan(large); });
    EXPECT_LT(eight, 24 * std::max(one, 1e-5))
        << name << ": " << one << " s, then " << eight << " s";
  }
}

// The measure itself must see a quadratic step, or the test above says nothing.
TEST(StructureTest, WouldNoticeQuadraticTime) {
  const auto quadratic = [](std::size_t size) {
    std::size_t found = 0;
    const Bytes text(size, 'x');
    for (std::size_t i = 0; i < size; i += 16)
      found += static_cast<std::size_t>(
          std::count(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), 'y'));
    return found;
  };
  volatile std::size_t sink = 0;
  const double one = cpu_seconds([&] { sink = quadratic(4'000); });
  const double eight = cpu_seconds([&] { sink = quadratic(32'000); });
  EXPECT_GT(eight, 24 * std::max(one, 1e-5)) << one << " s, then " << eight << " s";
}

// --- random input

TEST(StructureTest, StaysSoundOnRandomInput) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kPieces[] = {"\r\n",
                                          "\n",
                                          "\r",
                                          "--b",
                                          "--b\r\n",
                                          "--b--\r\n",
                                          "--c\r\n",
                                          "--c--",
                                          "Content-Type: multipart/mixed; boundary=b\r\n",
                                          "Content-Type: multipart/mixed;\r\n boundary=\"c\"\r\n",
                                          "Content-Type: message/rfc822\r\n",
                                          "Content-Type: multipart/digest; boundary=c\r\n",
                                          "\r\n\r\n",
                                          "Subject: x\r\n",
                                          " folded\r\n",
                                          "From ",
                                          "text",
                                          "\xff\xfe",
                                          std::string_view("\0", 1),
                                          ":",
                                          "Content-Transfer-Encoding: base64\r\n",
                                          "\t",
                                          "--",
                                          "Content-Type: text/plain; charset=\"",
                                          "\"",
                                          ";",
                                          "boundary=",
                                          "="};
  std::size_t entities = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes raw = random() % 2 == 0 ? "" : "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    for (auto pieces = random() % 40; pieces > 0; --pieces)
      raw += kPieces[random() % std::size(kPieces)];
    ScanLimits limits;
    if (random() % 4 == 0)
      limits = {.depth_max = static_cast<std::uint32_t>(random() % 4),
                .parts_max = static_cast<std::uint32_t>(1 + random() % 5),
                .header_bytes_max = random() % 50,
                .fields_max = static_cast<std::uint32_t>(random() % 4)};
    const auto structure = scan(raw, limits);
    ASSERT_EQ(unsound(raw, structure, limits), "") << ::testing::PrintToString(raw);
    entities += structure.entities.size();
  }
  EXPECT_GT(entities, 27'000u) << "the pieces must make messages, not noise";
}

}  // namespace
}  // namespace kopial
