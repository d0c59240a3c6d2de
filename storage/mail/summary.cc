// The envelope summary and decoded header fields of a message.
#include <algorithm>

#include "storage/mail/header_text.h"
#include "storage/mail/message_view.h"

namespace kopial {
namespace {

constexpr std::size_t kReferencesMax = 100;
constexpr std::size_t kSubjectBytesMax = 8 << 10;

bool equal_fold(BytesView a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
           return low(x) == low(y);
         });
}

// Repeated address fields are joined, as mail programs show them; other fields count once, the first wins.
void add(std::vector<MailAddress>& list, BytesView value) {
  auto more = decode_addresses(value);
  list.insert(list.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Summary summarize(BytesView raw, const Structure& structure) {
  Summary out;
  out.defects = structure.defects;
  bool has_subject = false, has_date = false;
  const auto once = [&](bool& seen) {
    if (seen) out.defects |= kDuplicateField;
    return !std::exchange(seen, true);
  };
  for (const auto& field : header_fields(raw, structure.entities.front().header)) {
    const auto name = field.name.of(raw);
    const auto value = field.value.of(raw);
    const auto is = [&](std::string_view wanted) { return equal_fold(name, wanted); };
    if (is("from")) add(out.from, value);
    else if (is("to")) add(out.to, value);
    else if (is("cc")) add(out.cc, value);
    else if (is("bcc")) add(out.bcc, value);
    else if (is("sender")) add(out.sender, value);
    else if (is("reply-to")) add(out.reply_to, value);
    else if (is("subject") && once(has_subject)) {
      out.subject = decode_header_text(value.substr(0, kSubjectBytesMax));
    } else if (is("date") && once(has_date)) {
      out.date = parse_mail_date(value);
      if (!out.date) out.defects |= kBadDate;
    } else if (is("message-id") && out.message_id.empty()) {
      if (auto ids = decode_message_ids(value); !ids.empty()) out.message_id = std::move(ids.front());
    } else if (is("in-reply-to") && out.in_reply_to.empty()) {
      if (auto ids = decode_message_ids(value); !ids.empty()) out.in_reply_to = std::move(ids.front());
    } else if (is("references") && out.references.empty()) {
      out.references = decode_message_ids(value);
      if (out.references.size() > kReferencesMax) {
        out.references.erase(out.references.begin(), out.references.end() - static_cast<std::ptrdiff_t>(kReferencesMax));
      }
    }
  }
  out.attachments = static_cast<std::uint32_t>(classify(structure).attachments.size());
  return out;
}

std::optional<std::string> header_value(BytesView raw, const Entity& entity, std::string_view name) {
  for (const auto& field : header_fields(raw, entity.header)) {
    if (equal_fold(field.name.of(raw), name)) return decode_header_text(field.value.of(raw));
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> header_values(BytesView raw, const Entity& entity) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& field : header_fields(raw, entity.header)) {
    out.emplace_back(field.name.of(raw), decode_header_text(field.value.of(raw)));
  }
  return out;
}

}  // namespace kopial
