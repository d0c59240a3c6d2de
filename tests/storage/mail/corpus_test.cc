// The whole of storage/mail over real mail: nothing crashes, ranges are sound, and what comes out
// is text.
#include <gmime/gmime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"
#include "tests/storage/mail/shared_corpus.h"
#include "tests/storage/mail/sound_structure.h"
#include "tests/support/support.h"

namespace kopial {
namespace {

bool is_line(const std::string& text) {
  return is_valid_utf8(text) && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
         });
}

std::string untrue(const Summary& summary) {
  if (!is_line(summary.subject) || !is_line(summary.message_id) || !is_line(summary.in_reply_to))
    return "a header is no line of text";
  if (summary.references.size() > 100) return "too many references";
  for (const auto& id : summary.references) {
    if (!is_line(id)) return "a reference is no line of text";
  }
  for (const auto* list : {&summary.from, &summary.sender, &summary.reply_to, &summary.to,
                           &summary.cc, &summary.bcc}) {
    for (const auto& address : *list) {
      if (!is_line(address.name) || !is_line(address.address))
        return "an address is no line of text";
    }
  }
  return "";
}

void check_message(const std::string& name, const Bytes& raw) {
  SCOPED_TRACE(name);
  const auto structure = scan(raw);
  ASSERT_EQ(unsound(raw, structure), "");
  const auto summary = summarize(raw, structure);
  ASSERT_EQ(untrue(summary), "");
  const auto parts = classify(structure);
  ASSERT_EQ(summary.attachments, parts.attachments.size());
  for (const auto& entity : structure.entities) {
    ASSERT_TRUE(is_line(entity.filename)) << entity.filename;
    ASSERT_TRUE(is_valid_utf8(entity.media_type) && is_valid_utf8(entity.charset) &&
                is_valid_utf8(entity.disposition));
    if (!entity.is_leaf()) continue;
    std::uint32_t defects = 0;
    const auto text = leaf_text(raw, entity, 100'000, defects);
    ASSERT_TRUE(is_valid_utf8(text));
    ASSERT_LE(text.size(), 100'000u);
    ASSERT_LE(decode_transfer(entity.body.of(raw), entity.encoding).bytes.size(), entity.body.size);
  }
  ASSERT_EQ(content_identity(raw, structure, summary), content_identity(raw, scan(raw), summary));
}

TEST(CorpusTest, TakesEveryEdgeCase) {
  KOPIAL_SKIP_WITHOUT_CORPUS();
  initialise_mail();
  EXPECT_GT(each_edge_case(check_message), 2'000u);
}

TEST(CorpusTest, TakesTheVolumeSet) {
  KOPIAL_SKIP_WITHOUT_CORPUS();
  initialise_mail();
  EXPECT_EQ(each_message("csdmc2010.tar.zst", check_message), 379u);
  EXPECT_EQ(each_message("phishing_pot.tar.zst", check_message), 650u);
  EXPECT_EQ(each_message("samba-technical.tar.zst", check_message), 700u);
  EXPECT_EQ(each_message("openwrt-devel.tar.zst", check_message), 405u);
  EXPECT_EQ(each_message("spamassassin.mbox.zst", check_message), 1511u);
}

// GMime is the oracle: for mail without structural oddities both must see the same leaves, in type
// and in decoded bytes.
class Oracle {
 public:
  static std::vector<std::pair<std::string, Bytes>> leaves(const Bytes& raw) {
    std::vector<std::pair<std::string, Bytes>> out;
    GMimeStream* stream = g_mime_stream_mem_new_with_buffer(raw.data(), raw.size());
    GMimeParser* parser = g_mime_parser_new_with_stream(stream);
    g_object_unref(stream);
    if (raw.starts_with("From ")) g_mime_parser_set_format(parser, GMIME_FORMAT_MBOX);
    GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
    g_object_unref(parser);
    if (message == nullptr) return out;
    walk(g_mime_message_get_mime_part(message), out);
    g_object_unref(message);
    return out;
  }

 private:
  static void walk(GMimeObject* object, std::vector<std::pair<std::string, Bytes>>& out) {
    if (object == nullptr) return;
    if (GMIME_IS_MULTIPART(object)) {
      for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(object)); ++i)
        walk(g_mime_multipart_get_part(GMIME_MULTIPART(object), i), out);
    } else if (GMIME_IS_MESSAGE_PART(object)) {
      if (auto* inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
          inner != nullptr)
        walk(g_mime_message_get_mime_part(inner), out);
    } else if (GMIME_IS_PART(object)) {
      auto* type = g_mime_object_get_content_type(object);
      const std::unique_ptr<char, decltype(&g_free)> name(g_mime_content_type_get_mime_type(type),
                                                          &g_free);
      std::string lower(name.get());
      for (char& c : lower) c = static_cast<char>(g_ascii_tolower(c));
      Bytes bytes;
      if (auto* content = g_mime_part_get_content(GMIME_PART(object)); content != nullptr) {
        GMimeStream* memory = g_mime_stream_mem_new();
        g_mime_data_wrapper_write_to_stream(content, memory);
        const auto* array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
        bytes.assign(reinterpret_cast<const char*>(array->data), array->len);
        g_object_unref(memory);
      }
      out.emplace_back(std::move(lower), std::move(bytes));
    }
  }
};

TEST(CorpusTest, SeesWhatGmimeSees) {
  KOPIAL_SKIP_WITHOUT_CORPUS();
  initialise_mail();
  constexpr std::uint32_t kHarmless =
      kBareLineFeed | kBareCarriageReturn | kEightBitHeader | kLineTooLong | kMboxFromLine;
  int compared = 0;
  std::map<std::string, std::string> different;
  const auto compare = [&](const std::string& name, const Bytes& raw) {
    const auto structure = scan(raw);
    if ((structure.defects & ~kHarmless) != 0) return;
    std::vector<std::pair<std::string, Bytes>> ours;
    std::uint32_t defects = 0;
    for (const auto& entity : structure.entities) {
      if (!entity.is_leaf()) continue;
      auto decoded = decode_transfer(entity.body.of(raw), entity.encoding);
      defects |= decoded.defects;
      ours.emplace_back(entity.media_type, std::move(decoded.bytes));
    }
    if (defects != 0) return;  // Two lenient readers of broken encodings may differ.
    ++compared;
    const auto theirs = Oracle::leaves(raw);
    if (ours.size() != theirs.size()) {
      different[name] = fmt::format("{} leaves, GMime {}", ours.size(), theirs.size());
      return;
    }
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (ours[i].first != theirs[i].first)
        different[name] = ours[i].first + " is for GMime " + theirs[i].first;
      if (ours[i].second != theirs[i].second)
        different[name] = fmt::format("leaf {} ({}): {} bytes, GMime {}", i, ours[i].first,
                                      ours[i].second.size(), theirs[i].second.size());
    }
  };
  each_message("usrp-users.tar.zst", compare);
  each_message("openwrt-devel.tar.zst", compare);
  each_message("linux-next.tar.zst", compare);
  each_message("csdmc2010.tar.zst", compare);
  EXPECT_GT(compared, 1'200);
  for (const auto& [name, why] : different) ADD_FAILURE() << name << ": " << why;
}

}  // namespace
}  // namespace kopial
