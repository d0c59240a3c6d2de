#include "storage/mail/transfer.h"

#include <array>

namespace kopial {
namespace {

constexpr std::array<std::int8_t, 256> make_table() {
  std::array<std::int8_t, 256> table{};
  for (auto& value : table) value = -1;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  return table;
}
constexpr auto kBase64 = make_table();

bool is_blank(char c) { return c == '\r' || c == '\n' || c == ' ' || c == '\t'; }

Decoded decode_base64(BytesView body) {
  Decoded out;
  out.bytes.reserve(body.size() / 4 * 3 + 3);
  std::uint32_t group = 0;
  int bits = 0;
  bool padded = false;
  for (const char c : body) {
    const int value = kBase64[static_cast<unsigned char>(c)];
    if (value < 0) {
      if (c == '=') {
        padded = true;  // Ends a quantum; what follows begins a new one: concatenated base64 is seen in the wild.
        group = 0;
        bits = 0;
      } else if (!is_blank(c)) {
        out.defects |= kBadBase64;
      }
      continue;
    }
    if (padded) {
      out.defects |= kBadBase64;
      padded = false;
    }
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.bytes += static_cast<char>(group >> bits & 0xff);
    }
  }
  return out;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Decoded decode_quoted_printable(BytesView body) {
  Decoded out;
  out.bytes.reserve(body.size());
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '=') {
      out.bytes += body[i];
      continue;
    }
    if (i + 2 < body.size() && hex(body[i + 1]) >= 0 && hex(body[i + 2]) >= 0) {
      out.bytes += static_cast<char>(hex(body[i + 1]) << 4 | hex(body[i + 2]));
      i += 2;
      continue;
    }
    // A soft line break: '=', blanks, line end.
    std::size_t end = i + 1;
    while (end < body.size() && (body[end] == ' ' || body[end] == '\t')) ++end;
    if (end < body.size() && body[end] == '\r') ++end;
    if (end < body.size() && body[end] == '\n') {
      i = end;
    } else if (end >= body.size()) {
      i = body.size();
    } else {
      out.defects |= kBadQuotedPrintable;
      out.bytes += '=';
    }
  }
  return out;
}

// Between "begin" and "end"; each line: a length character, then groups of four.
Decoded decode_uuencode(BytesView body) {
  Decoded out;
  bool inside = false;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = std::min(body.find('\n', at), body.size());
    auto line = body.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!inside) {
      inside = line.starts_with("begin ");
      continue;
    }
    if (line == "end") break;
    if (line.empty()) continue;
    const auto value = [&](std::size_t i) { return i < line.size() ? static_cast<unsigned>(line[i] - 0x20) & 63u : 0u; };
    std::size_t left = value(0);
    for (std::size_t i = 1; left > 0 && i < line.size(); i += 4) {
      const std::uint32_t group = value(i) << 18 | value(i + 1) << 12 | value(i + 2) << 6 | value(i + 3);
      for (int shift = 16; shift >= 0 && left > 0; shift -= 8, --left) out.bytes += static_cast<char>(group >> shift & 0xff);
    }
  }
  return out;
}

}  // namespace

Decoded decode_transfer(BytesView body, TransferEncoding encoding) {
  switch (encoding) {
    case TransferEncoding::base64: return decode_base64(body);
    case TransferEncoding::quoted_printable: return decode_quoted_printable(body);
    case TransferEncoding::uuencode: return decode_uuencode(body);
    case TransferEncoding::unknown: return {Bytes(body), kUnknownTransferEncoding};
    case TransferEncoding::identity: break;
  }
  return {Bytes(body), 0};
}

}  // namespace kopial
