// The content identity: what makes two copies the same message.
//
// Exchange and Graph write a message's MIME anew at every download, so boundaries, encodings, line lengths and trace fields
// cannot count. What the sender said does: ids, date, addresses (Bcc too), subject, texts and attachments.
#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/mail/header_text.h"
#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"

namespace kopial {
namespace {

constexpr std::uint8_t kIdentityVersion = 1;

// Text without white space: line ends, trailing blanks and soft wrapping differ between two downloads of one message.
std::string squeezed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f') out += c;
  }
  return out;
}

class Identity {
 public:
  void add(std::string_view name, std::string_view value) {
    encoder_.blob(name).blob(value);
    hash_.update(encoder_.take());
    encoder_ = Encoder();
  }
  void add(std::string_view name, const std::vector<MailAddress>& addresses) {
    for (const auto& address : addresses) add(name, address.address.empty() ? squeezed(address.name) : address.address);
  }
  Digest finish() { return hash_.finish(); }

 private:
  Encoder encoder_;
  Sha256 hash_;
};

}  // namespace

Digest content_identity(BytesView raw, const Structure& structure, const Summary& summary) {
  Identity identity;
  identity.add("version", std::string_view(reinterpret_cast<const char*>(&kIdentityVersion), 1));
  const bool anonymous = summary.message_id.empty() && !summary.date && summary.from.empty();
  if (anonymous) {
    // Nothing says that two such messages are one: only equal bytes are.
    identity.add("raw", sha256(raw).view());
    return identity.finish();
  }
  identity.add("message-id", summary.message_id);
  identity.add("date", summary.date ? std::to_string(to_milliseconds(*summary.date)) : std::string());
  identity.add("from", summary.from);
  identity.add("sender", summary.sender);
  identity.add("reply-to", summary.reply_to);
  identity.add("to", summary.to);
  identity.add("cc", summary.cc);
  identity.add("bcc", summary.bcc);
  identity.add("subject", squeezed(summary.subject));
  for (std::size_t i = 0; i < structure.entities.size(); ++i) {
    const auto& entity = structure.entities[i];
    if (entity.is_message && i + 1 < structure.entities.size()) {
      // A nested message's own names; its leaves follow in this same walk.
      const auto& inner = structure.entities[i + 1];
      identity.add("nested", header_value(raw, inner, "message-id").value_or("") + '\n' +
                                 squeezed(header_value(raw, inner, "subject").value_or("")));
    }
    if (!entity.is_leaf()) continue;
    if (entity.media_type.starts_with("text/") && entity.disposition != "attachment") {
      std::uint32_t ignored = 0;
      identity.add(entity.media_type, sha256(squeezed(leaf_text(raw, entity, std::size_t{1} << 30, ignored))).view());
    } else {
      identity.add("attachment", sha256(decode_transfer(entity.body.of(raw), entity.encoding).bytes).view());
    }
  }
  return identity.finish();
}

}  // namespace kopial
