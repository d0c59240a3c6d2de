// What a message says, as a person and the index need it: decoded headers, texts and attachments.
//
// Header values, addresses, dates and charsets go through GMime and ICU; the structure is our scanner's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/mail/structure.h"

namespace kopial {

struct MailAddress {
  std::string name;     // UTF-8 display name, may be empty
  std::string address;  // addr-spec, domain in lower case; may be empty for a group or junk
  bool operator==(const MailAddress&) const = default;
};

// The envelope summary: small, stored with each message. All text is valid UTF-8 without control characters.
struct Summary {
  std::string message_id;  // without angle brackets
  std::optional<Time> date;  // of the Date field
  std::vector<MailAddress> from, sender, reply_to, to, cc, bcc;
  std::string subject;
  std::string in_reply_to;               // first id, without brackets
  std::vector<std::string> references;   // ids without brackets, at most 100 (the last ones)
  std::uint32_t attachments = 0;         // leaves that are no body text
  std::uint32_t defects = 0;             // of structure, headers and leaves looked at
};

// Precondition of all functions: `structure` is scan(raw). Thread-safe; never fail; work and output are bounded.
Summary summarize(BytesView raw, const Structure& structure);

// Decoded value of the first field called `name` (case-insensitive), RFC 2047 decoded, unfolded; nullopt when absent.
std::optional<std::string> header_value(BytesView raw, const Entity& entity, std::string_view name);
// All fields in order, decoded the same way.
std::vector<std::pair<std::string, std::string>> header_values(BytesView raw, const Entity& entity);

// The leaf's text in UTF-8: transfer encoding and charset decoded (declared, else detected), invalid bytes replaced.
// Stops at `bytes_max` of output. `defects` gets kUnknownCharset and the transfer defects.
std::string leaf_text(BytesView raw, const Entity& leaf, std::size_t bytes_max, std::uint32_t& defects);

// Which leaves are what: indices into structure.entities, in order of appearance.
struct Parts {
  std::vector<std::size_t> text;         // text/plain bodies, of the message itself (not of nested messages)
  std::vector<std::size_t> html;         // text/html bodies
  std::vector<std::size_t> attachments;  // everything else that is a leaf, and nested messages, in order; n of the API is the place here
};
Parts classify(const Structure& structure);

// The content identity of DESIGN section 4: SHA-256 over normalised Message-ID, Date, all address fields including Bcc, Subject,
// decoded body texts and attachment digests. Trace fields, boundaries and transfer encodings do not count.
Digest content_identity(BytesView raw, const Structure& structure, const Summary& summary);

// Bytes in any of the usual charsets to UTF-8; nullopt when the charset is not known. Invalid input becomes U+FFFD.
std::optional<std::string> to_utf8(BytesView text, std::string_view charset);
bool is_valid_utf8(BytesView text);
std::string make_valid_utf8(BytesView text);  // invalid UTF-8 is read as windows-1252

// RFC 5322 date with the usual deviations; nullopt when it cannot be a date.
std::optional<Time> parse_mail_date(std::string_view text);

// Must be called once before the first use in a process (GMime keeps global state).
void initialise_mail();

}  // namespace kopial
