// The MIME structure of a message as offsets into its bytes (RFC 5322, RFC 2045, RFC 2046).
//
// The scanner is ours because the store is built on it: every byte of the message belongs to exactly one known place,
// nothing is copied or changed, it takes linear time, does not recurse, and is bounded in depth and parts. What it
// cannot understand it marks as a defect and leaves as opaque bytes; it never fails.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/base/bytes.h"

namespace kopial {

struct Span {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  BytesView of(BytesView raw) const { return raw.substr(offset, size); }
  std::uint64_t end() const { return offset + size; }
  bool operator==(const Span&) const = default;
};

enum class TransferEncoding : std::uint8_t { identity, base64, quoted_printable, uuencode, unknown };

// What was not understood, or not as the RFCs say. Bits of Structure::defects.
enum Defect : std::uint32_t {
  kEmptyMessage = 1 << 0,
  kNoHeader = 1 << 1,              // the first line is not a header field
  kJunkInHeader = 1 << 2,          // a line that is neither field nor folding
  kMissingHeaderEnd = 1 << 3,      // no blank line before the end of a header block
  kNulByte = 1 << 4,
  kBareLineFeed = 1 << 5,
  kBareCarriageReturn = 1 << 6,
  kEightBitHeader = 1 << 7,
  kLineTooLong = 1 << 8,           // over 998 bytes
  kNoBoundary = 1 << 9,            // multipart without a boundary parameter
  kBoundaryNotFound = 1 << 10,     // declared, and never seen
  kUnclosedBoundary = 1 << 11,     // no closing delimiter
  kTooDeep = 1 << 12,              // deeper parts are left opaque
  kTooManyParts = 1 << 13,         // further parts are left opaque
  kBadBase64 = 1 << 14,
  kBadQuotedPrintable = 1 << 15,
  kUnknownTransferEncoding = 1 << 16,
  kUnknownCharset = 1 << 17,
  kBadDate = 1 << 18,
  kDuplicateField = 1 << 19,       // a field that may occur once occurs twice
  kEncodedMultipart = 1 << 20,     // multipart or message/rfc822 in base64 or quoted-printable
  kMboxFromLine = 1 << 21,         // starts with an mbox "From " line; it is kept and skipped
  kHeaderTooLarge = 1 << 22,       // only the first part of the header fields was read
};
std::vector<std::string> defect_names(std::uint32_t defects);  // "bare_line_feed" and so on, in bit order

// One entity: a leaf, a multipart, or a message/rfc822. Parents come before their children.
struct Entity {
  std::int32_t parent = -1;      // index into Structure::entities
  std::uint16_t depth = 0;
  Span header;                   // all header lines, with their line ends, without the blank line
  Span body;                     // after the blank line up to, not including, the line end before the next delimiter
  std::string media_type;        // ASCII, lower case "text/plain"; the default of RFC 2046 where none is given
  std::string charset;           // lower case as declared, or ""
  std::string boundary;          // of a multipart
  std::string filename;          // UTF-8 on one line, RFC 2231 and RFC 2047 decoded; from Content-Disposition, else from name=
  std::string content_id;        // without angle brackets
  std::string disposition;       // lower case "attachment", "inline" or ""
  TransferEncoding encoding = TransferEncoding::identity;
  bool is_multipart = false;
  bool is_message = false;       // message/rfc822 or message/global whose inside was scanned: its root is the child
  bool is_leaf() const { return !is_multipart && !is_message; }
};

struct ScanLimits {
  std::uint32_t depth_max = 100;
  std::uint32_t parts_max = 10'000;
  std::uint64_t header_bytes_max = 1 << 20;   // of one entity: more is kept, and not read
  std::uint32_t fields_max = 10'000;          // of one entity
};

struct Structure {
  std::vector<Entity> entities;  // [0] is the message itself; never empty
  std::uint32_t defects = 0;
};

// Linear in raw.size(), thread-safe, never fails.
Structure scan(BytesView raw, const ScanLimits& limits = {});

// A header field: the name as written, and the value's raw bytes after the colon, folding included, last line end excluded.
struct HeaderField {
  Span name;
  Span value;
};
// The fields of the header block at `header`, in order; junk lines are skipped. Bounded by the limits.
std::vector<HeaderField> header_fields(BytesView raw, Span header, const ScanLimits& limits = {});

}  // namespace kopial
