#include "storage/mail/header_text.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <memory>

namespace kopial {
namespace {

constexpr std::size_t kValueBytesMax = 64 << 10;
constexpr std::size_t kAddressFieldBytesMax = 1 << 20;
constexpr std::size_t kAddressesMax = 10'000;
constexpr std::size_t kColonsMax = 200;  // in what GMime gets at once
constexpr std::size_t kIdBytesMax = 998;  // a line, RFC 5322 section 2.1.1

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Folding and runs of blanks to one space; trimmed. Control characters become spaces.
std::string unfold(BytesView raw) {
  std::string out;
  out.reserve(raw.size());
  bool blank = false;
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) {
      blank = true;
      continue;
    }
    if (blank && !out.empty()) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

bool is_plain(BytesView text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }) &&
         text.find("=?") == BytesView::npos;
}

std::string lower_domain(std::string address) {
  const auto at = address.rfind('@');
  if (at == std::string::npos) return address;
  for (std::size_t i = at; i < address.size(); ++i) {
    if (address[i] >= 'A' && address[i] <= 'Z') address[i] = static_cast<char>(address[i] + 32);
  }
  return address;
}

GMimeParserOptions* options() {
  static GMimeParserOptions* const made = [] {
    GMimeParserOptions* fresh = g_mime_parser_options_new();
    const char* fallbacks[] = {"utf-8", "windows-1252", nullptr};
    g_mime_parser_options_set_fallback_charsets(fresh, fallbacks);
    return fresh;
  }();
  return made;
}

std::string text_of(const char* text) { return text == nullptr ? std::string() : unfold(make_valid_utf8(text)); }

// Flattens groups in the order of the text, without recursion.
void flatten(InternetAddressList* list, std::vector<MailAddress>& out) {
  std::vector<std::pair<InternetAddressList*, int>> open = {{list, 0}};
  while (!open.empty() && out.size() < kAddressesMax) {
    auto& [current, next] = open.back();
    if (next >= internet_address_list_length(current)) {
      open.pop_back();
      continue;
    }
    auto* address = internet_address_list_get_address(current, next++);
    if (INTERNET_ADDRESS_IS_GROUP(address)) {
      if (auto* members = internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)); members != nullptr) {
        open.emplace_back(members, 0);
      }
    } else if (INTERNET_ADDRESS_IS_MAILBOX(address)) {
      out.push_back({text_of(internet_address_get_name(address)),
                     lower_domain(text_of(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address))))});
    }
  }
}

// GMime takes each colon for the beginning of a group inside the group before, and recurses: 80 000 of them, in 160 KB, end the
// process for want of stack. So it gets at most kColonsMax at once: the rest of the field after the next comma is a text of its
// own, and more colons before that comma become blanks.
std::vector<std::string> shallow_pieces(std::string text) {
  std::vector<std::string> pieces;
  std::size_t begin = 0, colons = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted && colons >= kColonsMax) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
      colons = 0;
      continue;
    }
    // Quoted and escaped ones count too: what is a quote to us may be none to GMime.
    if (i < text.size() && text[i] == ':' && ++colons > kColonsMax) text[i] = ' ';
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

// "local@domain" or "Name <local@domain>" in plain ASCII without quotes, commas, comments or groups: most fields.
bool parse_simple_address(const std::string& text, MailAddress& out) {
  if (text.find_first_of("\",;()\\[]") != std::string::npos) return false;
  const auto open = text.find('<');
  if (open == std::string::npos) {
    if (text.find_first_of(" :>") != std::string::npos || std::count(text.begin(), text.end(), '@') != 1) return false;
    out = {"", lower_domain(text)};
    return true;
  }
  if (text.back() != '>' || text.find('<', open + 1) != std::string::npos || text.find(':') != std::string::npos) return false;
  const auto address = text.substr(open + 1, text.size() - open - 2);
  if (address.find_first_of(" >") != std::string::npos || std::count(address.begin(), address.end(), '@') != 1) return false;
  auto name = text.substr(0, open);
  while (!name.empty() && name.back() == ' ') name.pop_back();
  if (name.find('@') != std::string::npos) return false;
  out = {std::move(name), lower_domain(address)};
  return true;
}

}  // namespace

void initialise_mail() {
  static const bool once = [] {
    g_mime_init();
    options();
    return true;
  }();
  (void)once;
}

std::string decode_header_text(BytesView raw) {
  const auto unfolded = unfold(raw.substr(0, kValueBytesMax));
  if (is_plain(unfolded)) return unfolded;
  const auto healed = make_valid_utf8(unfolded);
  if (healed.find("=?") == std::string::npos) return healed;
  const std::unique_ptr<char, decltype(&g_free)> decoded(g_mime_utils_header_decode_text(options(), healed.c_str()), &g_free);
  return text_of(decoded.get());
}

std::vector<MailAddress> decode_addresses(BytesView raw) {
  const auto unfolded = unfold(raw.substr(0, kAddressFieldBytesMax));
  std::vector<MailAddress> out;
  if (unfolded.empty()) return out;
  const bool plain = is_plain(unfolded);
  if (MailAddress simple; plain && parse_simple_address(unfolded, simple)) {
    out.push_back(std::move(simple));
    return out;
  }
  const auto healed = plain ? unfolded : make_valid_utf8(unfolded);
  for (const auto& piece : shallow_pieces(healed)) {
    if (out.size() >= kAddressesMax) break;
    if (auto* list = internet_address_list_parse(options(), piece.c_str()); list != nullptr) {
      flatten(list, out);
      g_object_unref(list);
    }
  }
  if (out.empty()) out.push_back({healed, ""});  // Nothing that looks like an address: kept as it reads.
  return out;
}

std::vector<std::string> decode_message_ids(BytesView raw) {
  std::vector<std::string> out;
  const auto text = make_valid_utf8(unfold(raw.substr(0, kValueBytesMax)));
  for (std::size_t at = 0; out.size() < 10'000;) {
    const auto open = text.find('<', at);
    if (open == std::string::npos) break;
    const auto close = text.find('>', open);
    if (close == std::string::npos) break;
    auto id = text.substr(open + 1, close - open - 1);
    std::erase_if(id, is_space);
    if (!id.empty()) out.push_back(id.substr(0, kIdBytesMax));
    at = close + 1;
  }
  if (out.empty() && !text.empty()) out.push_back(make_valid_utf8(text.substr(0, kIdBytesMax)));
  return out;
}

std::optional<Time> parse_mail_date(std::string_view text) {
  const auto plain = unfold(text.substr(0, 1000));
  if (plain.empty()) return std::nullopt;
  GDateTime* date = g_mime_utils_header_decode_date(plain.c_str());
  if (date == nullptr) return std::nullopt;
  const gint64 seconds = g_date_time_to_unix(date);
  g_date_time_unref(date);
  // Before mail existed, or centuries ahead: no date, and a milliseconds' clock must not overflow on it.
  if (seconds < 0 || seconds > 7'258'118'400) return std::nullopt;
  return Time(std::chrono::seconds(seconds));
}

}  // namespace kopial
