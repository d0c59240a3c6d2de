#include "storage/mail/compose.h"

#include <fmt/format.h>
#include <gmime/gmime.h>
#include <mimetic/mimetic.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

bool breaks_header(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// RFC 2047, folded by GMime.
std::string encoded_text(const std::string& text) {
  const std::unique_ptr<char, decltype(&g_free)> encoded(g_mime_utils_header_encode_text(nullptr, text.c_str(), "utf-8"), &g_free);
  return encoded ? encoded.get() : std::string();
}

std::string encoded_address(const MailAddress& address) {
  if (address.name.empty()) return address.address;
  auto* mailbox = internet_address_mailbox_new(address.name.c_str(), address.address.c_str());
  const std::unique_ptr<char, decltype(&g_free)> text(internet_address_to_string(mailbox, nullptr, TRUE), &g_free);
  g_object_unref(mailbox);
  return text.get();
}

std::string encoded_addresses(const std::vector<MailAddress>& addresses) {
  std::string out;
  for (const auto& address : addresses) out += (out.empty() ? "" : ",\r\n ") + encoded_address(address);
  return out;
}

// RFC 5322 section 3.3, in UTC.
std::string mail_date(Time time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  const std::unique_ptr<GDateTime, decltype(&g_date_time_unref)> date(g_date_time_new_from_unix_utc(seconds), &g_date_time_unref);
  const std::unique_ptr<char, decltype(&g_free)> text(g_mime_utils_header_format_date(date.get()), &g_free);
  return text.get();
}

// mimetic folds by itself: a line end in `value` would come out as two, which end the header.
void set(mimetic::MimeEntity& entity, const std::string& name, const std::string& value) {
  entity.header().field(name).value(value);
}

std::string wrapped_base64(BytesView bytes) {
  const auto text = base64_encode(bytes);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 76) out += text.substr(at, 76) + "\r\n";
  return out;
}

std::unique_ptr<mimetic::MimeEntity> leaf(const std::string& type, BytesView content) {
  auto entity = std::make_unique<mimetic::MimeEntity>();
  set(*entity, "Content-Type", type);
  set(*entity, "Content-Transfer-Encoding", "base64");
  entity->body().assign(wrapped_base64(content));
  return entity;
}

// RFC 2231: every octet that is no attribute-char is percent-encoded, and a long text goes on in further parameters, so that no
// line gets too long.
std::string extended_parameter(const std::string& name, const std::string& text) {
  constexpr std::size_t kPieceCharsMax = 60;
  std::vector<std::string> pieces = {"utf-8''"};
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '.' || c == '-' || c == '_');
    if (pieces.back().size() >= kPieceCharsMax) pieces.emplace_back();
    pieces.back() += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  if (pieces.size() == 1) return fmt::format("; {}*={}", name, pieces[0]);
  std::string out;
  for (std::size_t i = 0; i < pieces.size(); ++i) out += fmt::format("; {}*{}*={}", name, i, pieces[i]);
  return out;
}

void become_multipart(mimetic::MimeEntity& entity, const std::string& subtype) {
  set(entity, "Content-Type", fmt::format("multipart/{}; boundary=\"=_kopial_{}\"", subtype, random_token(12)));
}

Result<void> check(const Draft& draft) {
  const Error broken{ErrorCode::invalid, "a header field of a composed message holds a line end or a control character"};
  if (breaks_header(draft.subject) || breaks_header(draft.message_id)) return broken;
  auto all = draft.to;
  all.insert(all.end(), draft.cc.begin(), draft.cc.end());
  all.push_back(draft.from);
  for (const auto& address : all) {
    if (breaks_header(address.name) || breaks_header(address.address)) return broken;
    if (address.address.find('@') == std::string::npos || address.address.find_first_of(" <>,;") != std::string::npos) {
      return Error{ErrorCode::invalid, fmt::format("'{}' is no address for a composed message", address.address)};
    }
  }
  for (const auto& attachment : draft.attachments) {
    if (breaks_header(attachment.filename) || breaks_header(attachment.media_type)) return broken;
  }
  return {};
}

}  // namespace

Result<Bytes> compose(const Draft& draft) {
  initialise_mail();
  if (auto checked = check(draft); !checked) return checked.error();
  auto body = leaf("text/plain; charset=utf-8", draft.text);
  if (!draft.html.empty()) {
    auto alternative = std::make_unique<mimetic::MimeEntity>();
    become_multipart(*alternative, "alternative");
    alternative->body().parts().push_back(body.release());  // mimetic owns its parts.
    alternative->body().parts().push_back(leaf("text/html; charset=utf-8", draft.html).release());
    body = std::move(alternative);
  }
  if (!draft.attachments.empty()) {
    auto mixed = std::make_unique<mimetic::MimeEntity>();
    become_multipart(*mixed, "mixed");
    mixed->body().parts().push_back(body.release());
    for (const auto& attachment : draft.attachments) {
      auto part = leaf(attachment.media_type, attachment.content);
      set(*part, "Content-Disposition", "attachment" + extended_parameter("filename", attachment.filename));
      mixed->body().parts().push_back(part.release());
    }
    body = std::move(mixed);
  }
  // The message's own fields are written by us, in front of the entity that mimetic composed: its typed fields would read them.
  Bytes out = "From: " + encoded_address(draft.from) + "\r\n";
  if (!draft.to.empty()) out += "To: " + encoded_addresses(draft.to) + "\r\n";
  if (!draft.cc.empty()) out += "Cc: " + encoded_addresses(draft.cc) + "\r\n";
  out += "Subject: " + encoded_text(draft.subject) + "\r\n";
  out += "Date: " + mail_date(draft.date) + "\r\n";
  if (!draft.message_id.empty()) out += "Message-ID: <" + draft.message_id + ">\r\n";
  out += "MIME-Version: 1.0\r\n";
  std::ostringstream entity;
  entity << *body;
  return out + entity.str();
}

}  // namespace kopial
