#include "tests/bench/content.h"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "storage/base/encoding.h"
#include "tests/bench/random.h"

namespace kopial::bench {
namespace {

constexpr std::size_t kHeaderKept = 512;

bool is_text(BytesView content) {
  const auto head = content.substr(0, 4096);
  return std::none_of(head.begin(), head.end(), [](char c) { return static_cast<unsigned char>(c) < 9 || (c > 13 && c < 27); });
}

// New bytes where the old ones look random. Runs of one byte and 0xff (markers of JPEG) stay, so it compresses as before.
void scramble(BytesView content, std::size_t from, std::size_t to, std::uint64_t key, Bytes& out) {
  out += content.substr(0, from);
  Random random(key);
  std::uint64_t noise = 0;
  for (std::size_t i = from; i < to; ++i) {
    if (i % 8 == 0) noise = random.next();
    const char c = content[i];
    const bool kept = c == '\0' || c == '\xff' || content[i - 1] == '\xff' || c == content[i - 1];
    const auto changed = static_cast<char>(static_cast<unsigned char>(c) ^ (noise >> (i % 8 * 8) & 0x7f));
    out += kept || changed == '\0' || changed == '\xff' ? c : changed;
  }
  out += content.substr(to);
}

// The images of a PDF: streams whose dictionary says so. The rest of the file stays, so that it opens and its text is found.
Bytes new_pdf(BytesView content, std::uint64_t key) {
  Bytes out;
  std::size_t at = 0;
  for (auto found = content.find("stream"); found != BytesView::npos; found = content.find("stream", at)) {
    const auto end = content.find("endstream", found);
    if (end == BytesView::npos) break;
    const auto dictionary = content.substr(std::max(at, found - std::min<std::size_t>(found, 400)), found - std::max(at, found - std::min<std::size_t>(found, 400)));
    const auto last = dictionary.rfind(" obj");
    const bool image = dictionary.substr(last == BytesView::npos ? 0 : last).find("/Image") != BytesView::npos;
    if (image && end > found + 64) {
      scramble(content.substr(at, end - at), found + 32 - at, end - at, mix(key, at), out);
    } else {
      out += content.substr(at, end - at);
    }
    out += "endstream";
    at = end + 9;
  }
  out += content.substr(at);
  return out + "%" + std::to_string(key) + "\n";
}

std::uint32_t little(BytesView bytes, std::size_t at, int size) {
  std::uint32_t value = 0;
  for (int i = size - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}
void put(Bytes& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
}

std::optional<Bytes> raw_inflate(BytesView packed, std::size_t size) {
  z_stream stream{};
  if (size > (16 << 20) || inflateInit2(&stream, -15) != Z_OK) return std::nullopt;
  Bytes out(size, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(size);
  const int code = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (code != Z_STREAM_END || stream.total_out != size) return std::nullopt;
  return out;
}

Bytes raw_deflate(BytesView plain) {
  z_stream stream{};
  deflateInit2(&stream, 4, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Texts between tags, and only those: half of their longer words become others.
Bytes new_xml(BytesView xml, std::uint64_t key) {
  Bytes out(xml);
  for (auto at = xml.find('>'); at != BytesView::npos; at = xml.find('>', at)) {
    const auto end = std::min(xml.find('<', at), xml.size());
    each_token(xml.substr(at, end - at), [&](std::size_t offset, std::string_view token) {
      Random random(mix(key, hash_token(token)));
      if (token.size() < 4 || random.below(2) == 0) return;
      for (std::size_t i = 0; i < token.size(); ++i) {
        char& c = out[at + offset + i];
        if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + random.below(26));
        if (c >= '0' && c <= '9') c = static_cast<char>('0' + random.below(10));
      }
    });
    at = end;
  }
  return out;
}

// A ZIP with its entries rewritten one by one; nullopt when it is one of the rarer forms.
std::optional<Bytes> new_zip(BytesView zip, std::uint64_t key) {
  const auto tail = zip.rfind(BytesView("PK\5\6", 4));
  if (tail == BytesView::npos || tail + 22 > zip.size()) return std::nullopt;
  const auto count = little(zip, tail + 10, 2);
  Bytes out, directory;
  std::size_t at = little(zip, tail + 16, 4);
  for (std::uint32_t n = 0; n < count; ++n) {
    if (at + 46 > zip.size() || zip.substr(at, 4) != BytesView("PK\1\2", 4)) return std::nullopt;
    const auto method = little(zip, at + 10, 2), packed = little(zip, at + 20, 4), size = little(zip, at + 24, 4);
    const auto name_size = little(zip, at + 28, 2), rest = little(zip, at + 30, 2) + little(zip, at + 32, 2);
    const std::size_t local = little(zip, at + 42, 4);
    if (at + 46 + name_size + rest > zip.size() || local + 30 > zip.size()) return std::nullopt;
    const std::size_t data = local + 30 + little(zip, local + 26, 2) + little(zip, local + 28, 2);
    if (data > zip.size() || packed > zip.size() - data) return std::nullopt;
    const auto name = zip.substr(at + 46, name_size);
    std::optional<Bytes> plain = method == 8 ? raw_inflate(zip.substr(data, packed), size) : std::nullopt;
    if (method == 0) plain = Bytes(zip.substr(data, packed));
    if (!plain) return std::nullopt;
    if (name.ends_with(".xml") && !name.starts_with("[") && !name.starts_with("META-INF")) {
      plain = new_xml(*plain, key);
    } else if (!name.ends_with(".rels") && !is_text(*plain) && plain->size() > kHeaderKept) {
      Bytes changed;
      scramble(*plain, kHeaderKept, plain->size(), mix(key, n), changed);
      plain = std::move(changed);
    }
    const auto body = method == 8 ? raw_deflate(*plain) : *plain;
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(plain->data()), static_cast<uInt>(plain->size()));
    Bytes header(zip.substr(local, data - local)), entry(zip.substr(at, 46 + name_size + rest));
    header[6] = static_cast<char>(header[6] & ~8), entry[8] = static_cast<char>(entry[8] & ~8);  // sizes stand in the header
    put(header, 14, static_cast<std::uint32_t>(crc)), put(entry, 16, static_cast<std::uint32_t>(crc));
    put(header, 18, static_cast<std::uint32_t>(body.size())), put(entry, 20, static_cast<std::uint32_t>(body.size()));
    put(header, 22, size), put(entry, 24, size);
    put(entry, 42, static_cast<std::uint32_t>(out.size()));
    out += header + body;
    directory += entry;
    at += 46 + name_size + rest;
  }
  Bytes end(zip.substr(tail));
  put(end, 12, static_cast<std::uint32_t>(directory.size()));
  put(end, 16, static_cast<std::uint32_t>(out.size()));
  return out + directory + end;
}

}  // namespace

Bytes new_edition(const Vocabulary& vocabulary, BytesView content, unsigned edition) {
  if (edition == 0) return Bytes(content);
  const auto key = mix(hash_bytes(content.substr(0, 65536)), content.size(), edition);
  Bytes out;
  out.reserve(content.size() + 64);
  if (content.starts_with("%PDF")) return new_pdf(content, key);
  if (content.starts_with("PK\3\4")) {
    if (auto zip = new_zip(content, key)) return *std::move(zip);
  }
  if (is_text(content)) {
    vocabulary.rename(content, edition, out);
    return out;
  }
  // Compound documents have their texts between their tables: a third of the file, from the middle, is what changes.
  const bool compound = content.starts_with("\xd0\xcf\x11\xe0");
  const auto from = compound ? content.size() * 2 / 3 : std::min(content.size(), kHeaderKept);
  const auto to = content.size() - std::min<std::size_t>(content.size() - from, 16);
  scramble(content, std::max<std::size_t>(from, 1), std::max<std::size_t>(to, std::max<std::size_t>(from, 1)), key, out);
  return out;
}

std::string base64_lines(BytesView bytes, std::string_view line_end) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + bytes.size() / 28 + 8);
  const auto text = base64_encode(bytes);
  for (std::size_t at = 0; at < text.size(); at += 76) {
    if (at > 0) out += line_end;
    out.append(text, at, 76);
  }
  return out;
}

std::string quoted_printable(BytesView text, std::string_view line_end) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? text[i + 1] : '\n';
    if (c == '\n' || (c == '\r' && next == '\n')) {
      if (c == '\n') out += line_end, column = 0;
      continue;
    }
    const bool at_end = next == '\n' || next == '\r';
    const bool literal = (c > 32 && c < 127 && c != '=') || ((c == ' ' || c == '\t') && !at_end);
    if (column + (literal ? 1 : 3) > 75) {
      out.append("=").append(line_end);
      column = 0;
    }
    if (literal) {
      out += static_cast<char>(c);
    } else {
      out.append("=").append(1, kDigits[c >> 4]).append(1, kDigits[c & 15]);
    }
    column += literal ? 1 : 3;
  }
  return out;
}

}  // namespace kopial::bench
