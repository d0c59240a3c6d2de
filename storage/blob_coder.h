// What a blob of mail looks like on disk. Every stored part, recipe and quarantined message passes through `store` on its way
// to the disk and through `load` on its way back: compression today, and the one place where sealing them will go.
//
// Stored form:
//   u8      version = 1
//   u8      form: 0 as it is, 1 zstd, 2 zstd with a dictionary
//   varint  number of the dictionary (form 2)
//   varint  size of the plain bytes
//   the bytes
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace kopial {

// What a blob holds. The first two have dictionaries of their own.
enum class BlobKind : std::uint8_t {
  recipe = 0,      // headers, boundaries, small bodies
  part = 1,        // bodies and attachments
  dictionary = 2,  // pieces of the other two, so treated like them
};
inline constexpr std::size_t kBlobKinds = 3;

// How hard to compress: single blobs are read and written often, packs take longer and stay.
enum class Effort { blob, pack };

// A zstd dictionary with its digested forms. Immutable.
class Dictionary {
 public:
  Dictionary(std::uint64_t number, BlobKind kind, Bytes content);
  ~Dictionary();
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  const std::uint64_t number;  // counts from 1 in a store
  const BlobKind kind;
  const Bytes content;

 private:
  friend class BlobCoder;
  const void* compress(Effort effort) const;
  void* const compress_;    // ZSTD_CDict
  mutable std::once_flag packs_made_;
  mutable void* compress_packs_ = nullptr;  // made when it is first needed: many tenants are only read
  void* const decompress_;  // ZSTD_DDict
};

// Thread-safe.
class BlobCoder {
 public:
  // From now on new blobs of its kind use the dictionary with the highest number; old ones are still read with theirs.
  void add(std::shared_ptr<const Dictionary> dictionary);

  Bytes store(BlobKind kind, BytesView plain, Effort effort = Effort::blob) const;
  // Whether the beginning gets smaller: what is compressed already (pictures, archives) does not, whatever it is called.
  bool compresses(BytesView plain) const;
  // Fails with corrupt, also when the plain bytes would be more than `bytes_max`.
  Result<Bytes> load(BytesView stored, std::uint64_t bytes_max) const;

 private:
  std::shared_ptr<const Dictionary> newest(BlobKind kind) const;
  std::shared_ptr<const Dictionary> numbered(std::uint64_t number) const;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const Dictionary>> dictionaries_;
  std::array<std::shared_ptr<const Dictionary>, kBlobKinds> newest_;
};

}  // namespace kopial
