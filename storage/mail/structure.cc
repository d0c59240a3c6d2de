#include "storage/mail/structure.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "storage/mail/parameters.h"

namespace kopial {
namespace {

constexpr std::size_t kLineBytesMax = 998;  // RFC 5322 section 2.1.1

bool equal_fold(BytesView a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y;
         });
}

struct Line {
  std::size_t begin = 0;
  std::size_t end = 0;   // without the line end
  std::size_t next = 0;  // where the next line begins
};

Line line_at(BytesView raw, std::size_t at) {
  const void* found = std::memchr(raw.data() + at, '\n', raw.size() - at);
  if (found == nullptr) return {at, raw.size(), raw.size()};
  const auto feed = static_cast<std::size_t>(static_cast<const char*>(found) - raw.data());
  const bool carriage = feed > at && raw[feed - 1] == '\r';
  return {at, carriage ? feed - 1 : feed, feed + 1};
}

// The length of a field name at the start of a line, or 0 when the line is no field (RFC 5322 section 2.2; blanks before the
// colon are the obsolete form).
std::size_t field_name_size(BytesView line) {
  std::size_t size = 0;
  while (size < line.size() && line[size] > 0x20 && line[size] != 0x7f && line[size] != ':') ++size;
  std::size_t colon = size;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  return size > 0 && colon < line.size() && line[colon] == ':' ? size : 0;
}

// The first bytes of UTF-8 text, ending with a whole character.
std::string clipped(const std::string& text, std::size_t bytes_max) {
  auto size = std::min(text.size(), bytes_max);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

TransferEncoding encoding_of(BytesView raw_value) {
  std::string name;
  for (const char c : raw_value) {
    if (c == '(' || c == ';') break;
    if (c > 0x20 && c != '"') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  if (name.empty() || name == "7bit" || name == "8bit" || name == "binary" || name == "7-bit" || name == "8-bit") {
    return TransferEncoding::identity;
  }
  if (name == "base64") return TransferEncoding::base64;
  if (name == "quoted-printable") return TransferEncoding::quoted_printable;
  if (name == "x-uuencode" || name == "uuencode" || name == "x-uue" || name == "x-uu") return TransferEncoding::uuencode;
  return TransferEncoding::unknown;
}

// Walks header lines from `begin` and gives each field once its last line is known.
template <typename OnField, typename IsEnd>
struct HeaderWalk {
  BytesView raw;
  const ScanLimits& limits;
  std::uint32_t& defects;
  OnField on_field;
  IsEnd is_end;  // a line that ends the header without being part of it: a delimiter

  // Returns where the body begins; `header_end` gets the end of the last header line.
  std::size_t run(std::size_t begin, std::size_t& header_end) {
    std::size_t at = begin, fields = 0;
    HeaderField open{};
    bool is_open = false;
    const auto flush = [&] {
      if (is_open && fields <= limits.fields_max) on_field(open);
      is_open = false;
    };
    while (at < raw.size()) {
      const auto line = line_at(raw, at);
      if (is_end(line)) {
        flush();
        defects |= kMissingHeaderEnd;
        header_end = at;
        return at;
      }
      if (line.end == line.begin) {
        flush();
        header_end = at;
        return line.next;
      }
      const auto text = raw.substr(line.begin, line.end - line.begin);
      if (text.size() > kLineBytesMax) defects |= kLineTooLong;
      const bool readable = line.next - begin <= limits.header_bytes_max;
      if (!readable) defects |= kHeaderTooLarge;
      if (text[0] == ' ' || text[0] == '\t') {
        if (is_open && readable) open.value.size = line.end - open.value.offset;
        if (at == begin) defects |= kJunkInHeader;
      } else if (const auto name = field_name_size(text); name > 0) {
        flush();
        if (readable) {
          const auto colon = text.find(':', name);
          open = {{line.begin, name}, {line.begin + colon + 1, line.end - line.begin - colon - 1}};
          is_open = true;
          if (++fields > limits.fields_max) defects |= kHeaderTooLarge;
        }
      } else {
        if (at == begin) {  // Not a header at all: everything is body.
          defects |= kNoHeader;
          header_end = begin;
          return begin;
        }
        flush();
        defects |= kJunkInHeader;
      }
      at = line.next;
    }
    flush();
    if (at > begin) defects |= kMissingHeaderEnd;
    header_end = raw.size();
    return raw.size();
  }
};

template <typename OnField, typename IsEnd>
HeaderWalk(BytesView, const ScanLimits&, std::uint32_t&, OnField, IsEnd) -> HeaderWalk<OnField, IsEnd>;

class Scanner {
 public:
  Scanner(BytesView raw, const ScanLimits& limits) : raw_(raw), limits_(limits) {}

  Structure run() {
    if (raw_.empty()) defects() |= kEmptyMessage;
    if (std::memchr(raw_.data() == nullptr ? "" : raw_.data(), 0, raw_.size()) != nullptr) defects() |= kNulByte;
    std::size_t at = 0;
    if (raw_.starts_with("From ") || raw_.starts_with(">From ")) {
      defects() |= kMboxFromLine;
      at = line_at(raw_, 0).next;
    }
    at = open_entity(at, -1, 0, false);
    // Each turn looks for the next delimiter of any open multipart; there is no recursion.
    while (at <= raw_.size()) {
      const auto delimiter = find_delimiter(at);
      if (!delimiter) break;
      close_down_to(*delimiter);
      at = delimiter->next;
      if (delimiter->is_close) {
        current_ = open_.back().entity;
        open_.pop_back();
        continue;
      }
      if (out_.entities.size() >= limits_.parts_max) {
        defects() |= kTooManyParts;
        break;
      }
      const auto parent = open_.back().entity;
      at = open_entity(at, parent, out_.entities[parent].depth + 1, out_.entities[parent].media_type == "multipart/digest");
    }
    finish();
    return std::move(out_);
  }

 private:
  struct OpenMultipart {
    std::int32_t entity;
    std::string boundary;
    bool seen = false;
  };
  struct Delimiter {
    std::size_t level, line_begin, next;
    bool is_close;
  };

  std::uint32_t& defects() { return out_.defects; }

  // The level of the multipart whose delimiter this line is, innermost first: an outer one ends the inner ones.
  std::optional<std::size_t> delimiter_level(const Line& line, bool& is_close) const {
    if (open_.empty() || line.end - line.begin < 2 || raw_[line.begin] != '-' || raw_[line.begin + 1] != '-') return std::nullopt;
    const auto text = raw_.substr(line.begin + 2, line.end - line.begin - 2);
    for (std::size_t level = open_.size(); level-- > 0;) {
      const auto& boundary = open_[level].boundary;
      if (!text.starts_with(boundary)) continue;
      auto rest = text.substr(boundary.size());
      is_close = rest.starts_with("--");
      if (is_close) rest.remove_prefix(2);
      if (rest.find_first_not_of(" \t\r") == BytesView::npos) return level;
    }
    return std::nullopt;
  }

  std::optional<Delimiter> find_delimiter(std::size_t at) {
    while (at < raw_.size()) {
      const auto line = line_at(raw_, at);
      note_line(line);
      bool is_close = false;
      if (const auto level = delimiter_level(line, is_close)) return Delimiter{*level, line.begin, line.next, is_close};
      at = line.next;
    }
    return std::nullopt;
  }

  void note_line(const Line& line) {
    if (line.end - line.begin > kLineBytesMax) defects() |= kLineTooLong;
    if (line.next - line.end == 1) defects() |= kBareLineFeed;
    if ((defects() & kBareCarriageReturn) == 0 && line.end > line.begin &&
        std::memchr(raw_.data() + line.begin, '\r', line.end - line.begin) != nullptr) {
      defects() |= kBareCarriageReturn;
    }
  }

  // Reads the header at `at`, adds the entity, and opens what is inside it. Returns where looking for delimiters goes on.
  std::size_t open_entity(std::size_t at, std::int32_t parent, std::uint16_t depth, bool digest) {
    for (;;) {
      const auto index = static_cast<std::int32_t>(out_.entities.size());
      Entity entity;
      entity.parent = parent;
      entity.depth = depth;
      const auto body = read_header(at, digest, entity);
      entity.body.offset = body;
      entity.body.size = raw_.size() - body;
      const bool nested = is_nested_message(entity);
      if ((entity.is_multipart || nested) && depth + 1u > limits_.depth_max) {
        defects() |= kTooDeep;
        entity.is_multipart = false;
      } else if (nested && out_.entities.size() + 1 < limits_.parts_max) {
        entity.is_message = true;
      }
      out_.entities.push_back(std::move(entity));
      current_ = index;
      if (out_.entities.back().is_multipart) open_.push_back({index, out_.entities.back().boundary, false});
      if (!out_.entities.back().is_message) return body;
      // A nested message begins where its wrapper's body does.
      at = body;
      parent = index;
      ++depth;
      digest = false;
    }
  }

  bool is_nested_message(const Entity& entity) {
    if (entity.media_type != "message/rfc822" && entity.media_type != "message/global") return false;
    if (entity.encoding == TransferEncoding::identity) return true;
    defects() |= kEncodedMultipart;
    return false;
  }

  std::size_t read_header(std::size_t at, bool digest, Entity& entity) {
    entity.media_type = digest ? "message/rfc822" : "text/plain";
    BytesView type, encoding, disposition, id;
    bool has_type = false;
    const auto on_field = [&](const HeaderField& field) {
      const auto name = field.name.of(raw_);
      const auto value = field.value.of(raw_);
      // 8-bit bytes anywhere in it are worth a mark, and only that.
      if ((defects() & kEightBitHeader) == 0 &&
          std::any_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
        defects() |= kEightBitHeader;
      }
      if (name.size() < 10 || (name[0] != 'C' && name[0] != 'c')) return;
      if (equal_fold(name, "content-type")) {
        if (has_type) defects() |= kDuplicateField;
        if (!has_type) type = value;
        has_type = true;
      } else if (equal_fold(name, "content-transfer-encoding")) {
        encoding = value;
      } else if (equal_fold(name, "content-disposition")) {
        disposition = value;
      } else if (equal_fold(name, "content-id")) {
        id = value;
      }
    };
    const auto is_end = [&](const Line& line) {
      note_line(line);
      bool is_close = false;
      return delimiter_level(line, is_close).has_value();
    };
    std::size_t header_end = at;
    HeaderWalk walk{raw_, limits_, defects(), on_field, is_end};
    const auto body = walk.run(at, header_end);
    entity.header = {at, header_end - at};
    entity.encoding = encoding_of(encoding);
    if (entity.encoding == TransferEncoding::unknown) defects() |= kUnknownTransferEncoding;
    apply_type(type, has_type, entity);
    apply_disposition(disposition, entity);
    for (const char c : id.substr(0, 1000)) {
      if (c > 0x20 && c != '<' && c != '>') entity.content_id += c;
    }
    return body;
  }

  void apply_type(BytesView value, bool has_type, Entity& entity) {
    if (!has_type) return;
    const auto parsed = parse_parameters(value);
    const auto slash = parsed.value.find('/');
    // RFC 2045 section 5.2: what cannot be read as a type is plain text.
    const bool is_ascii = std::all_of(parsed.value.begin(), parsed.value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (slash != std::string::npos && slash > 0 && slash + 1 < parsed.value.size() && parsed.value.size() < 256 && is_ascii) {
      entity.media_type = parsed.value;
    }
    if (const auto* charset = parsed.find("charset")) {
      entity.charset = clipped(*charset, 100);
      for (char& c : entity.charset) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    if (const auto* name = parsed.find("name")) entity.filename = clipped(*name, 1024);
    if (!entity.media_type.starts_with("multipart/")) return;
    const auto* boundary = parsed.find("boundary");
    if (boundary == nullptr || boundary->empty() || boundary->size() > 1000) {
      defects() |= kNoBoundary;
      return;
    }
    if (entity.encoding == TransferEncoding::base64 || entity.encoding == TransferEncoding::quoted_printable) {
      defects() |= kEncodedMultipart;  // Forbidden by RFC 2045 section 6.4; senders lie, so the parts are looked for all the same.
    }
    entity.boundary = *boundary;
    while (!entity.boundary.empty() && entity.boundary.back() == ' ') entity.boundary.pop_back();
    entity.is_multipart = !entity.boundary.empty();
  }

  void apply_disposition(BytesView value, Entity& entity) {
    if (value.empty()) return;
    const auto parsed = parse_parameters(value);
    entity.disposition = clipped(parsed.value, 100);
    if (const auto* name = parsed.find("filename")) entity.filename = clipped(*name, 1024);
  }

  // Ends the bodies of everything inside the multipart at `delimiter.level`: before the line end that precedes the delimiter.
  void close_down_to(const Delimiter& delimiter) {
    auto end = delimiter.line_begin;
    if (end > 0 && raw_[end - 1] == '\n') --end;
    if (end > 0 && end < delimiter.line_begin && raw_[end - 1] == '\r') --end;
    const auto multipart = open_[delimiter.level].entity;
    for (auto index = current_; index != multipart && index >= 0; index = out_.entities[index].parent) {
      auto& body = out_.entities[index].body;
      body.size = end > body.offset ? end - body.offset : 0;
    }
    for (std::size_t level = delimiter.level + 1; level < open_.size(); ++level) note_unclosed(open_[level]);
    open_.resize(delimiter.level + 1);
    open_.back().seen = true;
    current_ = multipart;
  }

  void note_unclosed(const OpenMultipart& multipart) { defects() |= multipart.seen ? kUnclosedBoundary : kBoundaryNotFound; }

  void finish() {
    for (const auto& multipart : open_) note_unclosed(multipart);
  }

  BytesView raw_;
  const ScanLimits& limits_;
  Structure out_;
  std::vector<OpenMultipart> open_;
  std::int32_t current_ = 0;
};

}  // namespace

Structure scan(BytesView raw, const ScanLimits& limits) { return Scanner(raw, limits).run(); }

std::vector<HeaderField> header_fields(BytesView raw, Span header, const ScanLimits& limits) {
  std::vector<HeaderField> fields;
  std::uint32_t ignored = 0;
  std::size_t end = 0;
  const auto block = raw.substr(0, header.end());
  HeaderWalk walk{block, limits, ignored, [&](const HeaderField& field) { fields.push_back(field); }, [](const Line&) { return false; }};
  walk.run(header.offset, end);
  return fields;
}

std::vector<std::string> defect_names(std::uint32_t defects) {
  static constexpr const char* kNames[] = {
      "empty_message", "no_header", "junk_in_header", "missing_header_end", "nul_byte", "bare_line_feed", "bare_carriage_return",
      "eight_bit_header", "line_too_long", "no_boundary", "boundary_not_found", "unclosed_boundary", "too_deep", "too_many_parts",
      "bad_base64", "bad_quoted_printable", "unknown_transfer_encoding", "unknown_charset", "bad_date", "duplicate_field",
      "encoded_multipart", "mbox_from_line", "header_too_large"};
  std::vector<std::string> out;
  for (std::size_t bit = 0; bit < std::size(kNames); ++bit) {
    if ((defects >> bit & 1) != 0) out.emplace_back(kNames[bit]);
  }
  return out;
}

}  // namespace kopial
