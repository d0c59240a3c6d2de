// Large copies in pieces: the same bytes, from any offset, with little in memory.
#include "storage/copy_reader.h"

#include <gtest/gtest.h>

#include "storage/crypto/digest.h"
#include "storage/mail/transfer.h"
#include "storage/part_store.h"
#include "storage/rebuilder.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

Bytes all_of(ByteStream& stream) {
  Bytes bytes;
  while (true) {
    auto piece = stream.next();
    EXPECT_TRUE(piece) << piece.error().message;
    if (!piece || piece->empty()) return bytes;
    EXPECT_LE(piece->size(), 512u << 10) << "a piece that is no piece";
    bytes += *piece;
  }
}

class CopyReaderTest : public StoreTest {
 protected:
  std::unique_ptr<CopyReader> open_copy(const Bytes& raw) {
    const auto copy = keep(intake(raw)).copy;
    auto reader = store_->open_copy(copy);
    EXPECT_TRUE(reader) << reader.error().message;
    EXPECT_TRUE(*reader);
    return *std::move(reader);
  }
  // The copy in full and in ranges, against what was archived; each leaf against decoding it in memory.
  void compare(const Bytes& raw) {
    const auto reader = open_copy(raw);
    ASSERT_EQ(reader->size(), raw.size());
    EXPECT_TRUE(all_of(*reader->raw(0, kWhole).value()) == raw);
    for (const std::uint64_t offset : {std::uint64_t{1}, std::uint64_t{500}, raw.size() / 3, raw.size() / 2 + 77, raw.size() - 1, std::uint64_t{raw.size()}}) {
      for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{79}, std::uint64_t{300'000}, kWhole}) {
        const auto stream = reader->raw(offset, size).value();
        const auto expected = BytesView(raw).substr(std::min<std::size_t>(offset, raw.size()), size);
        EXPECT_EQ(stream->size(), expected.size());
        EXPECT_TRUE(all_of(*stream) == expected) << "from " << offset << ", " << size << " bytes";
      }
    }
    const auto structure = scan(raw);
    ASSERT_EQ(reader->structure().entities.size(), structure.entities.size());
    for (std::size_t i = 0; i < structure.entities.size(); ++i) {
      const auto& entity = structure.entities[i];
      const auto& outlined = reader->structure().entities[i];
      EXPECT_EQ(outlined.header.of(reader->outline()), entity.header.of(raw));
      EXPECT_EQ(outlined.media_type, entity.media_type);
      const auto content = decode_transfer(entity.body.of(raw), entity.encoding).bytes;
      EXPECT_EQ(reader->content_size(i).value(), content.size()) << "entity " << i;
      EXPECT_TRUE(all_of(*reader->content(i, 0, kWhole).value()) == content) << "entity " << i;
      EXPECT_TRUE(all_of(*reader->content(i, content.size() / 2, 1000).value()) == BytesView(content).substr(content.size() / 2, 1000));
    }
    check();
  }
};

constexpr std::size_t kLarge = 3'000'001;  // several chunks, the last one short

TEST_F(CopyReaderTest, GivesASmallCopyWhole) {
  compare(mail("something small"));
  compare(mail_with_attachment("a little more", noise(5'000)));
}

TEST_F(CopyReaderTest, ReadsALargeAttachmentInPieces) {
  const auto raw = mail_with_attachment("something large", noise(kLarge));
  compare(raw);
  EXPECT_LT(open_copy(raw)->outline().size(), 4'000u) << "the outline holds what it should leave out";
}

TEST_F(CopyReaderTest, ReadsEveryFormOfBase64) {
  const auto content = noise(2 * kChunkBytes);
  compare(mail_with_attachment("lines of 60", content, "one", "=_frontier", 60));
  compare(mail_with_attachment("one line", content, "one", "=_frontier", 1 << 30));
}

TEST_F(CopyReaderTest, ReadsLargeBodiesThatAreNotEncoded) {
  Bytes text;
  while (text.size() < kLarge) text += "A line of text, the same again and again, " + std::to_string(text.size()) + ".\r\n";
  compare("From: a@example.org\r\nSubject: long\r\nContent-Type: text/plain\r\n\r\n" + text);
  compare("From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + text + "\r\n--b\r\n\r\nshort\r\n--b--\r\n");
}

TEST_F(CopyReaderTest, ReadsANestedMessageWithALargeAttachment) {
  compare("From: a@example.org\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\n" +
          mail_with_attachment("inside", noise(kLarge), "one", "inner") + "\r\n--outer--\r\n");
}

// What base64 cannot be taken off of exactly, and what is longer than quoted-printable may be.
TEST_F(CopyReaderTest, ReadsLargeBodiesThatDoNotRebuild) {
  auto raw = mail_with_attachment("irregular", noise(kLarge));
  for (std::size_t at = raw.size() / 2; at < raw.size() / 2 + 200; at += 50) raw.insert(at, " ");
  compare(raw);
  Bytes quoted;
  while (quoted.size() < kLarge) quoted += "Gr=C3=BC=C3=9Fe aus M=C3=BCnchen, =\r\nund noch mehr davon\r\n";
  compare("From: a@example.org\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted);
}

TEST_F(CopyReaderTest, HasNoCopyThatWasNeverArchived) {
  const auto reader = store_->open_copy(sha256("never"));
  ASSERT_TRUE(reader);
  EXPECT_FALSE(*reader);
}

TEST_F(CopyReaderTest, SharesALargePartBetweenEncodings) {
  const auto content = noise(kLarge);
  keep(intake(mail_with_attachment("first", content)));
  const auto before = store_->disk_bytes().value();
  keep(intake(mail_with_attachment("second", content, "two", "=_other", 64)));
  EXPECT_LT(store_->disk_bytes().value(), before + 100'000);
  check();
}

// Every form base64 may have is put back from every group on.
TEST(Base64GroupsTest, MakeTheSameTextAsTheWhole) {
  for (const std::uint64_t line : {0, 4, 60, 76, 4'000}) {
    for (const bool crlf : {false, true}) {
      for (const bool ended : {false, true}) {
        for (const std::size_t total : {1, 3, 56, 57, 58, 570, 1'001}) {
          const Base64Form form{line, crlf, ended};
          const auto content = noise(total);
          Bytes whole;
          write_base64(content, form, whole);
          ASSERT_EQ(base64_encoded_size(total, form), whole.size()) << line << ' ' << ended << ' ' << total;
          for (std::size_t position = 0; position < whole.size(); ++position) {
            const auto first = base64_group_at(position, total, form);
            const auto begin = base64_position(first, form);
            Bytes rest;
            ASSERT_LT(first * 3, total);
            write_base64_groups(BytesView(content).substr(first * 3), first, total, form, rest);
            ASSERT_LE(begin, position);
            ASSERT_EQ(rest, whole.substr(begin)) << line << ' ' << ended << ' ' << total << " at " << position;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace kopial
