#include "indexer/html_text.h"

#include <libxml/HTMLparser.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace kopial {
namespace {

constexpr std::array<std::string_view, 34> kBlocks = {
    "address", "article", "aside", "blockquote", "br",  "caption", "center", "dd",  "div",  "dl",      "dt", "fieldset",
    "footer",  "form",    "h1",    "h2",         "h3",  "h4",      "h5",     "h6",  "header", "hr",    "li", "main",
    "ol",      "option",  "p",     "pre",        "section", "table", "td",   "th",  "tr",   "ul"};
// Elements whose content is not text of the mail.
constexpr std::array<std::string_view, 6> kSilent = {"script", "style", "template", "noscript", "title", "object"};

bool is_one_of(std::string_view name, const auto& list) { return std::find(list.begin(), list.end(), name) != list.end(); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class TextWriter {
 public:
  explicit TextWriter(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  void put(std::string_view piece) {
    if (out_.size() + piece.size() + 1 > bytes_max_) {
      full_ = true;
      return;
    }
    if (space_ && !out_.empty() && out_.back() != '\n') out_.push_back(' ');
    space_ = false;
    out_ += piece;
  }
  void space() { space_ = true; }
  void line() {
    space_ = false;
    if (!out_.empty() && out_.back() != '\n') out_.push_back('\n');
  }
  bool full() const { return full_; }
  std::string take() { return std::move(out_); }

 private:
  std::size_t bytes_max_;
  std::string out_;
  bool space_ = false, full_ = false;
};

// `at` stands on '&'. Gives the character and moves past it; a bare ampersand stands for itself.
std::string entity(std::string_view html, std::size_t& at) {
  const std::size_t begin = at + 1;
  std::uint32_t code = 0;
  std::size_t end = begin;
  if (begin < html.size() && html[begin] == '#') {
    const bool hex = begin + 1 < html.size() && lower(html[begin + 1]) == 'x';
    const char* first = html.data() + begin + (hex ? 2 : 1);
    const char* last = html.data() + std::min(html.size(), begin + 12);
    if (first < last) {
      const auto parsed = std::from_chars(first, last, code, hex ? 16 : 10);
      if (parsed.ec == std::errc()) end = static_cast<std::size_t>(parsed.ptr - html.data());
    }
  } else {
    while (end < html.size() && end - begin < 10 && (is_letter(html[end]) || (html[end] >= '0' && html[end] <= '9'))) ++end;
    const std::string name(html.substr(begin, end - begin));
    const htmlEntityDesc* known = name.empty() ? nullptr : htmlEntityLookup(reinterpret_cast<const xmlChar*>(name.c_str()));
    if (known == nullptr) end = begin;
    else code = known->value;
  }
  if (end == begin || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
    ++at;
    return "&";
  }
  at = end < html.size() && html[end] == ';' ? end + 1 : end;
  if (code == 0xA0) return " ";
  char buffer[4];
  std::int32_t size = 0;
  U8_APPEND_UNSAFE(buffer, size, code);
  return {buffer, static_cast<std::size_t>(size)};
}

// Past the end of the tag that begins at `at`; quotes protect '>'.
std::size_t tag_end(std::string_view html, std::size_t at) {
  char quote = 0;
  // An unclosed quote must not swallow the rest of the mail.
  const std::size_t quote_limit = at + 100'000;
  for (std::size_t i = at; i < html.size(); ++i) {
    const char c = html[i];
    if (quote != 0 && i < quote_limit) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && i > at && html[i - 1] == '=') {
      quote = c;
    } else if (c == '>') {
      return i + 1;
    }
  }
  return html.size();
}

// Past "</name>" at or after `at`, or the end.
std::size_t skip_element(std::string_view html, std::size_t at, std::string_view name) {
  while (at < html.size()) {
    at = html.find("</", at);
    if (at == std::string_view::npos) return html.size();
    at += 2;
    if (html.size() - at < name.size()) return html.size();
    if (std::equal(name.begin(), name.end(), html.begin() + static_cast<std::ptrdiff_t>(at),
                   [](char a, char b) { return a == lower(b); })) {
      return tag_end(html, at);
    }
  }
  return at;
}

}  // namespace

std::string html_to_text(std::string_view html, std::size_t bytes_max, bool& cut) {
  TextWriter out(bytes_max);
  std::size_t at = 0;
  while (at < html.size() && !out.full()) {
    const char c = html[at];
    if (c == '<') {
      if (html.substr(at, 4) == "<!--") {
        const std::size_t end = html.find("-->", at + 4);
        // A comment that never ends hides nothing: its text is read.
        at = end == std::string_view::npos ? at + 4 : end + 3;
        continue;
      }
      const bool closing = at + 1 < html.size() && html[at + 1] == '/';
      std::size_t i = at + (closing ? 2 : 1);
      if (i >= html.size() || !(is_letter(html[i]) || html[i] == '!' || html[i] == '?')) {
        out.put("<");
        ++at;
        continue;
      }
      std::string name;
      while (i < html.size() && name.size() < 20 && (is_letter(html[i]) || (html[i] >= '0' && html[i] <= '9'))) name += lower(html[i++]);
      at = tag_end(html, at + 1);
      if (!closing && is_one_of(name, kSilent)) at = skip_element(html, at, name);
      if (is_one_of(name, kBlocks)) {
        name == "td" || name == "th" ? out.space() : out.line();
      }
      continue;
    }
    if (c == '&') {
      const std::string text = entity(html, at);
      text == " " ? out.space() : out.put(text);
      continue;
    }
    if (is_space(c)) {
      out.space();
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < html.size() && html[end] != '<' && html[end] != '&' && !is_space(html[end])) ++end;
    out.put(html.substr(at, end - at));
    at = end;
  }
  cut = cut || out.full();
  return out.take();
}

}  // namespace kopial
