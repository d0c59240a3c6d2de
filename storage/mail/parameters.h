// Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231): the value and its parameters.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "storage/base/bytes.h"

namespace kopial {

struct ParameterizedValue {
  std::string value;  // UTF-8, lower case, without white space and control characters: "text/plain", "attachment"
  // Names in lower case. RFC 2231 pieces are joined and decoded to UTF-8, RFC 2047 words too (not allowed, but common);
  // no control characters. A plain "boundary" is the raw bytes.
  std::vector<std::pair<std::string, std::string>> parameters;
  const std::string* find(std::string_view name) const;
};

// `raw` is the field's value, folding included. Reads what it can; linear; at most 100 parameters.
ParameterizedValue parse_parameters(BytesView raw);

}  // namespace kopial
