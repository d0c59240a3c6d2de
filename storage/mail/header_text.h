// Header values as text: unfolded, RFC 2047 words decoded (GMime), raw 8-bit bytes healed, control characters gone.
#pragma once

#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/mail/message_view.h"

namespace kopial {

// Valid UTF-8 on one line, trimmed. At most 64 KiB of the value are looked at.
std::string decode_header_text(BytesView raw);
// The addresses of an address field, groups flattened, at most 10 000.
std::vector<MailAddress> decode_addresses(BytesView raw);
// The ids in angle brackets, without them; when there are none, the trimmed value as one id.
std::vector<std::string> decode_message_ids(BytesView raw);

}  // namespace kopial
