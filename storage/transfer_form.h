// Transfer encodings that can be taken off and put back exactly (RFC 2045 sections 6.7 and 6.8).
//
// The store keeps the decoded bytes of a part once, however its senders encoded it. What is left of an encoded body is its
// form: the choices the encoder made. Reading gives up on a body whose bytes the form cannot express; nothing is approximated.
#pragma once

#include <cstdint>
#include <optional>

#include "storage/base/bytes.h"

namespace kopial {

// Lines of `line_chars` characters but for the last one, which may be shorter; all end alike.
struct Base64Form {
  std::uint64_t line_chars = 0;  // 0: everything is one line
  bool crlf = true;              // else LF
  bool ended = true;             // the last line has a line end, too
  bool operator==(const Base64Form&) const = default;
};
struct Base64Run {
  Bytes decoded;
  Base64Form form;
  std::size_t encoded_bytes = 0;  // of the beginning of `body`; a list's footer may follow
};
// The longest beginning of `body` that is canonical base64; nullopt when there is none.
std::optional<Base64Run> read_base64(BytesView body);
void write_base64(BytesView decoded, const Base64Form& form, Bytes& out);
// The encoded bytes in pieces. `total` is the size of the whole decoded body; the text of the groups of three bytes from number
// `first` on begins at base64_position, and `slice` holds their bytes: whole groups, except at the end of the body.
std::uint64_t base64_position(std::uint64_t group, const Base64Form& form);
std::uint64_t base64_encoded_size(std::uint64_t total, const Base64Form& form);
// The group whose text, with the line end behind it, holds the byte at `position`.
std::uint64_t base64_group_at(std::uint64_t position, std::uint64_t total, const Base64Form& form);
void write_base64_groups(BytesView slice, std::uint64_t first, std::uint64_t total, const Base64Form& form, Bytes& out);

// The form of quoted-printable:
//   u8      flags: 1 = lower-case hex digits, 2 = soft line breaks end with LF instead of CRLF
//   blob    byte values that are escaped although they need not be, or the other way round
//   varint  count, then varints: decoded offsets (each relative to the one before) where a byte goes against that rule
//   varint  count, then varints: decoded offsets (likewise) in front of which there is a soft line break
struct QuotedPrintableRun {
  Bytes decoded;
  Bytes form;
};
// nullopt when `body` has an invalid escape, mixed kinds of hex digits or soft breaks, or a form that would save nothing.
std::optional<QuotedPrintableRun> read_quoted_printable(BytesView body);
// False when the form does not fit `decoded`.
bool write_quoted_printable(BytesView decoded, BytesView form, Bytes& out);

}  // namespace kopial
