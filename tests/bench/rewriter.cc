#include "tests/bench/rewriter.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "storage/mail/transfer.h"
#include "tests/bench/random.h"

namespace kopial::bench {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

bool digits_at(std::string_view text, std::size_t at, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (at + i >= text.size() || text[at + i] < '0' || text[at + i] > '9') return false;
  }
  return true;
}
int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}
std::string two(long value) { return {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)}; }

// Boundaries long enough to be somebody's choice get a new one.
using Boundaries = std::map<std::string, std::string, std::less<>>;
Boundaries new_boundaries(const CorpusMail& mail, const Vocabulary& vocabulary, unsigned epoch) {
  Boundaries out;
  for (const auto& entity : mail.structure.entities) {
    const auto& boundary = entity.boundary;
    if (boundary.size() < 12 || boundary.find('@') != std::string::npos) continue;
    if (entity.header.of(mail.raw).find(boundary) == BytesView::npos) continue;
    out.emplace(boundary, vocabulary.new_id(boundary, epoch));
  }
  return out;
}

// Bytes between parts: delimiter lines get the new boundary.
void between_parts(std::string_view gap, const Boundaries& boundaries, Bytes& out) {
  for (std::size_t at = 0; at < gap.size();) {
    const auto end = std::min(gap.find('\n', at), gap.size() - 1) + 1;
    const auto line = gap.substr(at, end - at);
    at = end;
    if (line.starts_with("--")) {
      auto name = line.substr(2);
      name = name.substr(0, name.find_last_not_of(" \t\r\n") + 1);
      auto found = boundaries.find(name);
      if (found == boundaries.end() && name.ends_with("--")) found = boundaries.find(name.substr(0, name.size() - 2));
      if (found != boundaries.end()) {
        out.append("--").append(found->second).append(line.substr(2 + found->first.size()));
        continue;
      }
    }
    out += line;
  }
}

void replace_in(Bytes& bytes, std::size_t from, const Boundaries::value_type& boundary) {
  for (auto at = bytes.find(boundary.first, from); at != Bytes::npos; at = bytes.find(boundary.first, at + boundary.first.size())) {
    bytes.replace(at, boundary.first.size(), boundary.second);
  }
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

std::string_view line_end_of(BytesView raw) {
  const auto at = raw.find('\n');
  return at != BytesView::npos && at > 0 && raw[at - 1] == '\r' ? "\r\n" : "\n";
}

std::string shift_dates(std::string_view text, std::int64_t seconds) {
  using namespace std::chrono;
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at + 17 < text.size(); ++at) {
    // D[D] Mon YYYY HH:MM, and :SS where it is given.
    if (!digits_at(text, at, 1) || (at > 0 && digits_at(text, at - 1, 1))) continue;
    const std::size_t day_digits = digits_at(text, at, 2) ? 2 : 1;
    const auto month_at = at + day_digits + 1, year_at = month_at + 4, hour_at = year_at + 5;
    if (hour_at + 5 > text.size() || !digits_at(text, year_at, 4) || !digits_at(text, hour_at, 2)) continue;
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(month_at, 3)) - kMonths.begin();
    if (month == 12 || text[hour_at + 2] != ':' || !digits_at(text, hour_at + 3, 2)) continue;
    const bool has_seconds = hour_at + 8 <= text.size() && text[hour_at + 5] == ':' && digits_at(text, hour_at + 6, 2);
    const year_month_day date{year{number(text.substr(year_at, 4))}, std::chrono::month{static_cast<unsigned>(month + 1)},
                              day{static_cast<unsigned>(number(text.substr(at, day_digits)))}};
    if (!date.ok()) continue;
    const auto time = sys_days{date} + hours{number(text.substr(hour_at, 2))} + minutes{number(text.substr(hour_at + 3, 2))} +
                      std::chrono::seconds{(has_seconds ? number(text.substr(hour_at + 6, 2)) : 0) + seconds};
    const auto new_day = floor<days>(time);
    const year_month_day moved{new_day};
    const hh_mm_ss clock{time - new_day};
    auto start = at;
    if (at >= 5 && text[at - 1] == ' ') {  // "Tue, "
      const auto comma = text.find_last_not_of(' ', at - 1);
      if (comma != std::string_view::npos && comma >= 3 && text[comma] == ',') start = comma - 3;
    }
    out += text.substr(copied, start - copied);
    if (start != at) out.append(kDays[weekday{new_day}.c_encoding()]).append(text.substr(start + 3, at - start - 3));
    const auto new_date = static_cast<unsigned>(moved.day());
    out += new_date < 10 && day_digits == 1 ? std::to_string(new_date) : two(new_date);
    out.append(" ").append(kMonths[static_cast<unsigned>(moved.month()) - 1]).append(" ").append(std::to_string(static_cast<int>(moved.year())));
    out.append(" ").append(two(clock.hours().count())).append(":").append(two(clock.minutes().count()));
    if (has_seconds) out.append(":").append(two(clock.seconds().count()));
    copied = hour_at + (has_seconds ? 8 : 5);
    at = copied - 1;
  }
  return out.append(text.substr(copied));
}

std::int64_t Rewriter::shift_of(const CorpusMail& mail, unsigned epoch) const {
  constexpr std::uint64_t kTwoYears = 730ULL * 86'400;
  return -static_cast<std::int64_t>(mix(mail.thread, seed_, epoch) % kTwoYears);
}

// Encoded words are left alone; all else may hold rare words.
void Rewriter::rename_value(std::string_view value, unsigned epoch, Bytes& out) const {
  for (std::size_t at = 0; at < value.size();) {
    const auto start = std::min(value.find("=?", at), value.size());
    vocabulary_.rename(value.substr(at, start - at), epoch, out);
    const auto end = value.find("?=", std::min(start + 2, value.size()));
    at = end == std::string_view::npos || end - start > 100 ? std::min(start + 2, value.size()) : end + 2;
    out += value.substr(start, at - start);
  }
}

void Rewriter::field(const CorpusMail& mail, const HeaderField& field, std::string_view name, unsigned epoch, Bytes& out) const {
  const auto value = field.value.of(mail.raw);
  if (name == "message-id" || name == "in-reply-to" || name == "references") {
    std::size_t at = 0;
    for (auto open = value.find('<'); open != std::string_view::npos; open = value.find('<', at)) {
      const auto close = value.find('>', open);
      if (close == std::string_view::npos) break;
      out.append(value.substr(at, open + 1 - at)).append(vocabulary_.new_id(value.substr(open + 1, close - open - 1), epoch));
      at = close;
    }
    out += value.substr(at);
  } else if (name == "date") {
    out += shift_dates(value, shift_of(mail, epoch));
  } else if (is_renamed_field(name)) {
    rename_value(name == "received" || name == "delivery-date" ? shift_dates(value, shift_of(mail, epoch)) : std::string(value), epoch, out);
  } else {
    out += value;
  }
}

std::string Rewriter::text(const CorpusMail& mail, const Entity& leaf, unsigned epoch) const {
  const auto body = leaf.body.of(mail.raw);
  const auto decoded = leaf.encoding == TransferEncoding::identity ? Bytes(body) : decode_transfer(body, leaf.encoding).bytes;
  std::string out;
  out.reserve(decoded.size());
  if (leaf.media_type == "text/plain" || leaf.media_type == "text/html") {
    const auto kind = leaf.media_type == "text/html" ? TextKind::html : TextKind::plain;
    vocabulary_.rename(blocks_.recombine(decoded, kind, epoch), epoch, out);
  } else {
    vocabulary_.rename(decoded, epoch, out);
  }
  return out;
}

void Rewriter::leaf(const CorpusMail& mail, const Entity& entity, unsigned epoch, Bytes& out) const {
  const auto body = entity.body.of(mail.raw);
  const auto line_end = line_end_of(mail.raw);
  if (is_renamed_text(entity)) {
    const auto changed = text(mail, entity, epoch);
    switch (entity.encoding) {
      case TransferEncoding::base64: out += base64_lines(changed, line_end); break;
      case TransferEncoding::quoted_printable: out += quoted_printable(changed, line_end); break;
      default: out += changed; break;
    }
    if (entity.encoding != TransferEncoding::identity && body.ends_with('\n') && !out.ends_with('\n')) out += line_end;
  } else if (epoch > 0 && entity.encoding == TransferEncoding::base64) {
    out += base64_lines(new_edition(vocabulary_, decode_transfer(body, entity.encoding).bytes, epoch), line_end);
    if (body.ends_with('\n')) out += line_end;
  } else {
    out += body;
  }
}

Bytes Rewriter::message(const CorpusMail& mail, unsigned epoch) const {
  const BytesView raw = mail.raw;
  const auto boundaries = new_boundaries(mail, vocabulary_, epoch);
  Bytes out;
  out.reserve(raw.size() + raw.size() / 8);
  std::uint64_t at = 0;
  for (const auto& entity : mail.structure.entities) {
    if (entity.header.offset > at) between_parts(raw.substr(at, entity.header.offset - at), boundaries, out);
    const auto start = out.size();
    header(mail, entity, epoch, [](std::string_view) { return false; }, out);
    if (const auto own = boundaries.find(entity.boundary); own != boundaries.end()) replace_in(out, start, *own);
    out += raw.substr(entity.header.end(), entity.body.offset - entity.header.end());
    at = entity.body.offset;
    if (!entity.is_leaf()) continue;
    leaf(mail, entity, epoch, out);
    at = entity.body.end();
  }
  between_parts(raw.substr(at), boundaries, out);
  return out;
}

}  // namespace kopial::bench
