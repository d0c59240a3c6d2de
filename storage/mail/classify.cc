// Which leaves are body text, and which are attachments; and a leaf's text.
#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"

namespace kopial {
namespace {

// Cuts at a character's beginning.
void cut(std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  text.resize(bytes_max);
}

}  // namespace

Parts classify(const Structure& structure) {
  Parts parts;
  // Parents come first, so one pass knows of each entity whether it lies in a nested message.
  std::vector<bool> nested(structure.entities.size());
  for (std::size_t i = 0; i < structure.entities.size(); ++i) {
    const auto& entity = structure.entities[i];
    nested[i] = entity.parent >= 0 && (nested[entity.parent] || structure.entities[entity.parent].is_message);
    if (nested[i] || entity.is_multipart) continue;
    const bool attached = entity.disposition == "attachment" || !entity.filename.empty() || entity.is_message;
    if (!attached && entity.media_type == "text/plain") {
      parts.text.push_back(i);
    } else if (!attached && entity.media_type == "text/html") {
      parts.html.push_back(i);
    } else if (entity.media_type.starts_with("multipart/") && entity.body.size == 0) {
      continue;  // A multipart without a boundary and without content is no attachment.
    } else {
      parts.attachments.push_back(i);
    }
  }
  return parts;
}

std::string leaf_text(BytesView raw, const Entity& leaf, std::size_t bytes_max, std::uint32_t& defects) {
  // Four bytes of any encoding give at least one of text, so no more than that need be decoded.
  auto body = leaf.body.of(raw);
  const std::size_t enough = bytes_max > body.size() / 4 ? body.size() : bytes_max * 4;
  auto decoded = decode_transfer(body.substr(0, enough), leaf.encoding);
  defects |= decoded.defects;
  std::string text;
  if (!leaf.charset.empty() && leaf.charset != "us-ascii") {
    if (auto converted = to_utf8(decoded.bytes, leaf.charset)) {
      text = std::move(*converted);
    } else {
      defects |= kUnknownCharset;
      text = make_valid_utf8(decoded.bytes);
    }
  } else {
    text = make_valid_utf8(decoded.bytes);
  }
  cut(text, bytes_max);
  return text;
}

}  // namespace kopial
