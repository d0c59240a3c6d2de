#include "storage/transfer_form.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <vector>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> digits() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr auto kDigits = digits();

std::uint8_t digit(char c) { return kDigits[static_cast<std::uint8_t>(c)]; }

// Appends the bytes of one line. False (and `out` as it was) when the line is not canonical. `last`: it ends the run, because
// it is padded.
bool decode_line(BytesView line, Bytes& out, bool& last) {
  if (line.empty() || line.size() % 4 != 0) return false;
  last = line.back() == '=';
  const std::size_t padding = !last ? 0 : line[line.size() - 2] == '=' ? 2 : 1;
  const std::size_t whole = line.size() - (last ? 4 : 0);
  const std::size_t before = out.size();
  out.resize(before + whole / 4 * 3);
  char* to = out.data() + before;
  std::uint8_t bad = 0;
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint8_t a = digit(line[i]), b = digit(line[i + 1]), c = digit(line[i + 2]), d = digit(line[i + 3]);
    bad |= a | b | c | d;
    *to++ = static_cast<char>(a << 2 | b >> 4);
    *to++ = static_cast<char>(b << 4 | c >> 2);
    *to++ = static_cast<char>(c << 6 | d);
  }
  bool good = (bad & 0x80) == 0;
  if (good && last) {
    const char* const group = line.data() + whole;
    const std::uint8_t a = digit(group[0]), b = digit(group[1]), c = padding == 1 ? digit(group[2]) : 0;
    // Bits that no byte holds must be zero, else another text would decode to the same bytes.
    good = ((a | b | c) & 0x80) == 0 && (padding == 1 ? (c & 3) == 0 : (b & 15) == 0);
    out += static_cast<char>(a << 2 | b >> 4);
    if (padding == 1) out += static_cast<char>(b << 4 | c >> 2);
  }
  if (!good) out.resize(before);
  return good;
}

void encode_line(BytesView bytes, Bytes& out) {
  std::size_t i = 0;
  const auto at = [&](std::size_t index) { return static_cast<std::uint8_t>(bytes[index]); };
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    const char four[] = {kAlphabet[group >> 18], kAlphabet[group >> 12 & 63], kAlphabet[group >> 6 & 63], kAlphabet[group & 63]};
    out.append(four, 4);
  }
  if (i == bytes.size()) return;
  const bool two = bytes.size() - i == 2;
  const std::uint32_t group = at(i) << 16 | (two ? at(i + 1) << 8 : 0);
  out += kAlphabet[group >> 18];
  out += kAlphabet[group >> 12 & 63];
  out += two ? kAlphabet[group >> 6 & 63] : '=';
  out += '=';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool escaped_by_default(std::uint8_t c) { return c == '=' || c >= 127 || (c < 32 && c != '\t' && c != '\r' && c != '\n'); }

constexpr std::uint8_t kLowerHex = 1;
constexpr std::uint8_t kSoftLineFeed = 2;

void put_offsets(const std::vector<std::size_t>& offsets, Encoder& out) {
  out.varint(offsets.size());
  std::size_t before = 0;
  for (const auto offset : offsets) {
    out.varint(offset - before);
    before = offset;
  }
}

bool take_offsets(Decoder& in, std::size_t limit, std::vector<std::size_t>& offsets) {
  const auto count = in.varint();
  if (!in.ok() || count > in.rest().size()) return false;  // Each takes a byte at least.
  offsets.reserve(count);
  std::size_t offset = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto step = in.varint();
    if (!in.ok() || step > limit - offset) return false;
    offset += step;
    offsets.push_back(offset);
  }
  return true;
}

}  // namespace

std::optional<Base64Run> read_base64(BytesView body) {
  Base64Run run;
  run.decoded.reserve(body.size() / 4 * 3);
  for (std::size_t at = 0; at < body.size();) {
    const auto line_feed = body.find('\n', at);
    const bool ended = line_feed != BytesView::npos;
    const bool crlf = ended && line_feed > at && body[line_feed - 1] == '\r';
    const BytesView line = body.substr(at, (ended ? line_feed - (crlf ? 1 : 0) : body.size()) - at);
    const bool first = at == 0;
    if (first) {
      run.form.line_chars = ended ? line.size() : 0;
      run.form.crlf = crlf;
    } else if (line.size() > run.form.line_chars) {
      break;
    }
    if (!first && ended && crlf != run.form.crlf) break;
    bool last = false;
    if (!decode_line(line, run.decoded, last)) break;
    at = ended ? line_feed + 1 : body.size();
    run.encoded_bytes = at;
    run.form.ended = ended;
    if (last || line.size() < run.form.line_chars) break;
  }
  if (run.encoded_bytes == 0) return std::nullopt;
  return run;
}

void write_base64(BytesView decoded, const Base64Form& form, Bytes& out) {
  const std::string_view line_end = form.crlf ? "\r\n" : "\n";
  const std::size_t line_bytes = form.line_chars == 0 ? decoded.size() : form.line_chars / 4 * 3;
  for (std::size_t at = 0; at < decoded.size();) {
    if (at > 0) out += line_end;
    const auto line = decoded.substr(at, line_bytes);
    encode_line(line, out);
    at += line.size();
    if (line.empty()) break;  // A form that is not of our making.
  }
  if (form.ended) out += line_end;
}

namespace {

std::uint64_t line_end_bytes(const Base64Form& form) { return form.crlf ? 2 : 1; }
std::uint64_t groups_in_line(const Base64Form& form) {
  return form.line_chars == 0 ? ~std::uint64_t{0} : std::max<std::uint64_t>(form.line_chars / 4, 1);
}

}  // namespace

std::uint64_t base64_position(std::uint64_t group, const Base64Form& form) {
  return group * 4 + group / groups_in_line(form) * line_end_bytes(form);
}

std::uint64_t base64_encoded_size(std::uint64_t total, const Base64Form& form) {
  const std::uint64_t groups = (total + 2) / 3;
  if (groups == 0) return form.ended ? line_end_bytes(form) : 0;
  const std::uint64_t inner = (groups - 1) / groups_in_line(form);  // line ends before the last line
  return groups * 4 + (inner + (form.ended ? 1 : 0)) * line_end_bytes(form);
}

std::uint64_t base64_group_at(std::uint64_t position, std::uint64_t total, const Base64Form& form) {
  const std::uint64_t last = std::max<std::uint64_t>((total + 2) / 3, 1) - 1;
  if (form.line_chars == 0) return std::min(position / 4, last);
  const std::uint64_t groups = groups_in_line(form), line_bytes = groups * 4 + line_end_bytes(form);
  return std::min(position / line_bytes * groups + std::min(position % line_bytes / 4, groups - 1), last);
}

void write_base64_groups(BytesView slice, std::uint64_t first, std::uint64_t total, const Base64Form& form, Bytes& out) {
  const std::string_view line_end = form.crlf ? "\r\n" : "\n";
  const std::uint64_t groups = (total + 2) / 3, in_line = groups_in_line(form);
  std::uint64_t group = first;
  while (!slice.empty()) {
    const std::uint64_t room = in_line - group % in_line;
    const auto run = slice.substr(0, std::min<std::uint64_t>(slice.size(), room > slice.size() ? slice.size() : room * 3));
    encode_line(run, out);
    group += (run.size() + 2) / 3;
    slice.remove_prefix(run.size());
    if (group == groups ? form.ended : group % in_line == 0) out += line_end;
  }
}

std::optional<QuotedPrintableRun> read_quoted_printable(BytesView body) {
  QuotedPrintableRun run;
  run.decoded.reserve(body.size());
  std::vector<bool> escaped;
  escaped.reserve(body.size());
  std::vector<std::size_t> soft_breaks;
  bool upper = false, lower = false, soft_crlf = false, soft_lf = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '=') {
      run.decoded += body[i];
      escaped.push_back(false);
      continue;
    }
    const BytesView next = body.substr(i + 1, 2);
    if (next.starts_with('\n') || next == "\r\n") {
      (next[0] == '\n' ? soft_lf : soft_crlf) = true;
      soft_breaks.push_back(run.decoded.size());
      i += next[0] == '\n' ? 1 : 2;
      continue;
    }
    const int high = next.size() == 2 ? hex_value(next[0]) : -1;
    const int low = next.size() == 2 ? hex_value(next[1]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    for (const char c : next) {
      upper |= c >= 'A' && c <= 'F';
      lower |= c >= 'a';
    }
    run.decoded += static_cast<char>(high << 4 | low);
    escaped.push_back(true);
    i += 2;
  }
  if ((upper && lower) || (soft_crlf && soft_lf)) return std::nullopt;

  // What an encoder does with a byte value most of the time is its rule; line ends and the like are the exceptions.
  std::array<std::int64_t, 256> balance{};
  for (std::size_t i = 0; i < escaped.size(); ++i) balance[static_cast<std::uint8_t>(run.decoded[i])] += escaped[i] ? 1 : -1;
  std::bitset<256> rule;
  Bytes unusual;
  for (std::size_t value = 0; value < 256; ++value) {
    const bool usual = escaped_by_default(static_cast<std::uint8_t>(value));
    rule[value] = balance[value] == 0 ? usual : balance[value] > 0;
    if (rule[value] != usual) unusual += static_cast<char>(value);
  }
  std::vector<std::size_t> exceptions;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != rule[static_cast<std::uint8_t>(run.decoded[i])]) exceptions.push_back(i);
  }
  if (exceptions.size() + soft_breaks.size() > run.decoded.size() / 8 + 16) return std::nullopt;
  Encoder form;
  form.u8((lower ? kLowerHex : 0) | (soft_lf ? kSoftLineFeed : 0)).blob(unusual);
  put_offsets(exceptions, form);
  put_offsets(soft_breaks, form);
  run.form = form.take();
  return run;
}

bool write_quoted_printable(BytesView decoded, BytesView form, Bytes& out) {
  Decoder in(form);
  const auto flags = in.u8();
  const auto unusual = in.blob();
  std::vector<std::size_t> exceptions, soft_breaks;
  if (!in.ok() || !take_offsets(in, decoded.size(), exceptions) || !take_offsets(in, decoded.size(), soft_breaks)) return false;
  if (!in.done()) return false;
  std::bitset<256> rule;
  for (std::size_t value = 0; value < 256; ++value) rule[value] = escaped_by_default(static_cast<std::uint8_t>(value));
  for (const char value : unusual) rule.flip(static_cast<std::uint8_t>(value));
  const std::string_view hex = (flags & kLowerHex) != 0 ? "0123456789abcdef" : "0123456789ABCDEF";
  const std::string_view soft_break = (flags & kSoftLineFeed) != 0 ? "=\n" : "=\r\n";
  auto exception = exceptions.begin();
  auto line_break = soft_breaks.begin();
  for (std::size_t i = 0; i <= decoded.size(); ++i) {
    for (; line_break != soft_breaks.end() && *line_break == i; ++line_break) out += soft_break;
    if (i == decoded.size()) break;
    const auto value = static_cast<std::uint8_t>(decoded[i]);
    bool escape = rule[value];
    if (exception != exceptions.end() && *exception == i) {
      escape = !escape;
      ++exception;
    }
    if (escape) {
      const char three[] = {'=', hex[value >> 4], hex[value & 15]};
      out.append(three, 3);
    } else {
      out += static_cast<char>(value);
    }
  }
  return true;
}

}  // namespace kopial
