// Content transfer encodings (RFC 2045): lenient reading, as mail readers do it.
#pragma once

#include "storage/base/bytes.h"
#include "storage/mail/structure.h"

namespace kopial {

struct Decoded {
  Bytes bytes;
  std::uint32_t defects = 0;  // kBadBase64, kBadQuotedPrintable, kUnknownTransferEncoding
};

// Linear; `bytes` never exceeds the input. What cannot be decoded is skipped and marked; an unknown encoding is identity.
Decoded decode_transfer(BytesView body, TransferEncoding encoding);

}  // namespace kopial
