// Text encodings of bytes, and the varint coding of our stored values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kopial {

std::string hex_encode(std::string_view bytes);                    // lower case
std::optional<std::string> hex_decode(std::string_view text);      // either case; nullopt when malformed
std::string base64_encode(std::string_view bytes);                 // RFC 4648 section 4, padded, one line
std::optional<std::string> base64_decode(std::string_view text);   // strict: no white space
std::string base64url_encode(std::string_view bytes);              // RFC 4648 section 5, no padding
std::optional<std::string> base64url_decode(std::string_view text);

// Appends fields of a stored value. Integers are LEB128, blobs are length-prefixed.
class Encoder {
 public:
  Encoder& u8(std::uint8_t value);
  Encoder& varint(std::uint64_t value);
  Encoder& fixed32(std::uint32_t value);  // big endian: keys sort by number
  Encoder& fixed64(std::uint64_t value);  // big endian
  Encoder& blob(std::string_view value);  // varint length, then the bytes
  Encoder& raw(std::string_view value);   // the bytes alone
  std::string take() { return std::move(out_); }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

// Reads what Encoder wrote. After a failed read ok() is false, and stays so; values read then are zero or empty,
// so that a caller checks once at the end. Views point into the input.
class Decoder {
 public:
  explicit Decoder(std::string_view input) : rest_(input) {}
  std::uint8_t u8();
  std::uint64_t varint();
  std::uint32_t fixed32();
  std::uint64_t fixed64();
  std::string_view blob();
  std::string_view raw(std::size_t size);
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace kopial
