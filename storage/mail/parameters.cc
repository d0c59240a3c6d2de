#include "storage/mail/parameters.h"

#include <algorithm>
#include <map>

#include "storage/mail/header_text.h"
#include "storage/mail/message_view.h"

namespace kopial {
namespace {

constexpr std::size_t kParametersMax = 100;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Walks a structured field value: tokens, quoted strings, comments skipped.
class Cursor {
 public:
  explicit Cursor(BytesView text) : text_(text) {}
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  void next() { ++at_; }

  void skip_blanks() {
    while (!done()) {
      if (is_space(peek())) {
        next();
      } else if (peek() == '(') {
        skip_comment();
      } else {
        return;
      }
    }
  }

  std::string until(std::string_view stops) {
    std::string out;
    while (!done() && stops.find(peek()) == std::string_view::npos) {
      if (peek() != ' ' && !is_control(peek())) out += peek();
      next();
    }
    return out;
  }

  // A value: quoted with backslash escapes, or bare up to ';'. Bare values keep inner blanks: "name=my file.pdf" is common.
  std::string value() {
    std::string out;
    if (!done() && peek() == '"') {
      for (next(); !done() && peek() != '"'; next()) {
        if (peek() == '\\' && at_ + 1 < text_.size()) next();
        if (peek() != '\r' && peek() != '\n') out += peek();
      }
      if (!done()) next();
      return out;
    }
    while (!done() && peek() != ';') {
      if (peek() != '\r' && peek() != '\n') out += peek();
      next();
    }
    while (!out.empty() && is_space(out.back())) out.pop_back();
    return out;
  }

 private:
  void skip_comment() {
    int depth = 0;
    for (; !done(); next()) {
      if (peek() == '\\') {
        next();
        if (done()) return;
      } else if (peek() == '(') {
        ++depth;
      } else if (peek() == ')' && --depth == 0) {
        next();
        return;
      }
    }
  }

  BytesView text_;
  std::size_t at_ = 0;
};

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) << 4 | hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// RFC 2231 pieces of one parameter: *0, *1*, …
struct Pieces {
  std::map<unsigned, std::pair<std::string, bool>> by_number;  // text, and whether it is percent-encoded
};

std::string join(const Pieces& pieces) {
  std::string bytes, charset;
  for (const auto& [number, piece] : pieces.by_number) {
    auto text = piece.first;
    if (number == 0 && piece.second) {  // charset'language'text
      const auto first = text.find('\'');
      const auto second = first == std::string::npos ? first : text.find('\'', first + 1);
      if (second != std::string::npos) {
        charset = text.substr(0, first);
        text = text.substr(second + 1);
      }
    }
    bytes += piece.second ? percent_decode(text) : text;
  }
  auto converted = charset.empty() ? std::nullopt : to_utf8(bytes, charset);
  auto text = converted ? *std::move(converted) : make_valid_utf8(bytes);
  std::replace_if(text.begin(), text.end(), is_control, ' ');  // "%0A" in a file name must not begin a line anywhere.
  return text;
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

}  // namespace

const std::string* ParameterizedValue::find(std::string_view name) const {
  for (const auto& [key, text] : parameters) {
    if (key == name) return &text;
  }
  return nullptr;
}

ParameterizedValue parse_parameters(BytesView raw) {
  ParameterizedValue out;
  Cursor cursor(raw);
  cursor.skip_blanks();
  out.value = make_valid_utf8(lower(cursor.until(";(")));
  std::vector<std::pair<std::string, Pieces>> extended;
  for (std::size_t count = 0; !cursor.done() && count < kParametersMax; ++count) {
    cursor.skip_blanks();
    if (!cursor.done() && cursor.peek() != ';') cursor.until(";");
    if (cursor.done()) break;
    cursor.next();
    cursor.skip_blanks();
    auto name = lower(cursor.until("=;"));
    if (cursor.done() || cursor.peek() == ';') continue;
    cursor.next();
    cursor.skip_blanks();
    auto value = cursor.value();
    const auto star = name.find('*');
    if (star == std::string::npos) {
      if (name.empty() || out.find(name) != nullptr) continue;
      // A boundary is compared byte by byte with the body, so it stays as it is written.
      auto text = name == "boundary" ? std::move(value) : decode_header_text(value);
      out.parameters.emplace_back(std::move(name), std::move(text));
      continue;
    }
    // name*, name*3, name*3*
    const bool encoded = name.back() == '*';
    unsigned number = 0;
    for (std::size_t i = star + 1; i < name.size() && name[i] >= '0' && name[i] <= '9' && number < 10'000; ++i) {
      number = number * 10 + static_cast<unsigned>(name[i] - '0');
    }
    name.resize(star);
    auto found = std::find_if(extended.begin(), extended.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == extended.end()) found = extended.insert(extended.end(), {name, {}});
    found->second.by_number.emplace(number, std::make_pair(std::move(value), encoded));
  }
  // The extended form wins over the plain one (RFC 6266 section 4.3 says so for HTTP; mail programs agree).
  for (const auto& [name, pieces] : extended) {
    std::erase_if(out.parameters, [&](const auto& entry) { return entry.first == name; });
    out.parameters.emplace_back(name, join(pieces));
  }
  return out;
}

}  // namespace kopial
