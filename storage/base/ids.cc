#include "storage/base/ids.h"

#include <algorithm>

#include "storage/base/encoding.h"

namespace kopial {

std::string Digest::hex() const { return hex_encode(view()); }

std::optional<Digest> Digest::from_hex(std::string_view hex) {
  const auto raw = hex_decode(hex);
  return raw ? from_bytes(*raw) : std::nullopt;
}

std::optional<Digest> Digest::from_bytes(std::string_view raw) {
  Digest digest;
  if (raw.size() != digest.bytes.size()) return std::nullopt;
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

}  // namespace kopial
