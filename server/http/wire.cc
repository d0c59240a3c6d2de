#include "server/http/wire.h"

#include <fmt/format.h>

namespace kopial::http {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool read_query(std::string_view text, std::vector<std::pair<std::string, std::string>>& out) {
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const auto end = std::min(text.find('&', at), text.size());
    const auto pair = text.substr(at, end - at);
    if (!pair.empty()) {
      const auto equals = std::min(pair.find('='), pair.size());
      auto name = percent_decode(pair.substr(0, equals), true);
      auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
      if (!name || !value || out.size() >= 100) return false;
      out.emplace_back(std::move(*name), std::move(*value));
    }
    at = end + 1;
  }
  return true;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '%') {
      if (at + 2 >= text.size() || digit(text[at + 1]) < 0 || digit(text[at + 2]) < 0) return std::nullopt;
      c = static_cast<char>(digit(text[at + 1]) * 16 + digit(text[at + 2]));
      at += 2;
      if (c == '\0') return std::nullopt;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    out += c;
  }
  return out;
}

std::optional<Request> read_head(const beast::http::request_header<>& head) {
  Request request;
  request.method = std::string(head.method_string());
  const std::string_view target(head.target().data(), head.target().size());
  if (target.empty() || target.front() != '/') return std::nullopt;
  const auto question = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, question));
  if (question < target.size() && !read_query(target.substr(question + 1), request.query)) return std::nullopt;
  for (const auto& field : head) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  return request;
}

std::string write_head(const Response& response, bool keep_alive, bool chunked, std::optional<std::uint64_t> length) {
  const auto reason = beast::http::obsolete_reason(beast::http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, std::string_view(reason.data(), reason.size()));
  for (const auto& [name, value] : response.headers) {
    head += name + ": ";
    for (const char c : value) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) head += c;
    }
    head += "\r\n";
  }
  if (chunked) head += "transfer-encoding: chunked\r\n";
  if (length) head += fmt::format("content-length: {}\r\n", *length);
  if (!keep_alive) head += "connection: close\r\n";
  return head += "\r\n";
}

}  // namespace kopial::http
