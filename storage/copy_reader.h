// One copy, opened for reading. However large it is, only pieces of it are in memory.
//
// Promises
//   faithful   opening reads the whole copy once and compares it with its SHA-256, before the first byte leaves. What is streamed
//              afterwards is read again: each piece is authenticated where it lies, and a stream of the whole raw copy is compared
//              once more before its last piece leaves, so that bytes that changed in between end as an error and not as an answer;
//   bounded    a stream holds about a chunk of a part and a piece of its text: a few MiB.
#pragma once

#include <cstdint>
#include <memory>

#include "storage/base/bytes.h"
#include "storage/base/result.h"
#include "storage/mail/structure.h"

namespace kopial {

// Bytes that come piece by piece. For one thread at a time; may be used no longer than the store it comes from.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual std::uint64_t size() const = 0;  // of all pieces together
  // The next piece, of some 100 KiB; "" at the end. Fails as reading the store does.
  virtual Result<Bytes> next() = 0;
};

// Immutable, thread-safe. May be used no longer than the store it comes from; its streams need it no more.
class CopyReader {
 public:
  virtual ~CopyReader() = default;

  virtual std::uint64_t size() const = 0;  // of the raw bytes
  // The message with its large leaves cut short: same entities, same fields, but the bodies of large leaves hold a few characters.
  // A message without large leaves is its own outline.
  virtual const Bytes& outline() const = 0;
  virtual const Structure& structure() const = 0;  // scan(outline())
  // Whether the body of the leaf is whole in the outline, so that it can be decoded there.
  virtual bool is_whole(std::size_t entity) const = 0;

  // `size` of the raw bytes from `offset` on; what lies behind the end is left out.
  virtual Result<std::unique_ptr<ByteStream>> raw(std::uint64_t offset, std::uint64_t size) const = 0;
  // The same of an entity's body with its transfer encoding removed, as decode_transfer would. Rarely (base64 with irregular lines,
  // bodies in other encodings) such a body must be held in memory to be decoded.
  virtual Result<std::uint64_t> content_size(std::size_t entity) const = 0;
  virtual Result<std::unique_ptr<ByteStream>> content(std::size_t entity, std::uint64_t offset, std::uint64_t size) const = 0;
};

inline constexpr std::uint64_t kWhole = ~std::uint64_t{0};  // as a size: all there is

}  // namespace kopial
