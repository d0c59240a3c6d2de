#include "storage/part_store.h"

#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/layout.h"

namespace kopial {
namespace {

constexpr std::uint8_t kVersion = 1;
enum Form : std::uint8_t { kChunks = 3, kPiece = 4 };  // Those of blob_coder.h are 0 to 2.
constexpr std::uint64_t kPartBytesMax = 1ull << 40;

Bytes chunk_key(const PartKey& key, std::uint64_t number) {
  return Encoder().raw(key.view()).fixed32(static_cast<std::uint32_t>(number)).take();
}

struct Head {
  std::uint64_t size = 0, chunk_bytes = 0;
  std::uint64_t chunks() const { return (size + chunk_bytes - 1) / chunk_bytes; }
};

// nullopt: the value is the part itself, as a blob.
std::optional<Head> read_head(BytesView value) {
  Decoder in(value);
  if (in.u8() != kVersion || in.u8() != kChunks) return std::nullopt;
  Head head;
  head.size = in.varint();
  head.chunk_bytes = in.varint();
  if (!in.done() || head.chunk_bytes == 0 || head.size > kPartBytesMax || head.chunks() > ~std::uint32_t{0}) return std::nullopt;
  return head;
}

}  // namespace

std::size_t StoredPart::bytes() const {
  std::size_t bytes = head.size();
  for (const auto& chunk : chunks) bytes += chunk.size();
  return bytes;
}

std::optional<StoredPart> PartStore::make(BytesView content) const {
  const auto store = [&](BytesView plain) -> std::optional<Bytes> {
    Bytes stored = coder_.store(BlobKind::part, plain);
    const auto loaded = coder_.load(stored, plain.size());
    if (!loaded || *loaded != plain) return std::nullopt;
    return stored;
  };
  StoredPart part;
  if (content.size() <= kChunkBytes) {
    auto stored = store(content);
    if (!stored) return std::nullopt;
    part.head = *std::move(stored);
    return part;
  }
  part.head = Encoder().u8(kVersion).u8(kChunks).varint(content.size()).varint(kChunkBytes).take();
  for (std::size_t at = 0; at < content.size(); at += kChunkBytes) {
    auto stored = store(content.substr(at, kChunkBytes));
    if (!stored) return std::nullopt;
    part.chunks.push_back(*std::move(stored));
  }
  return part;
}

void PartStore::put(rocksdb::WriteBatchBase& batch, const PartKey& key, const StoredPart& part) const {
  batch.Put(database_.family(kParts), slice(key.view()), slice(part.head));
  for (std::size_t n = 0; n < part.chunks.size(); ++n) {
    batch.Put(database_.family(kParts), slice(chunk_key(key, n)), slice(part.chunks[n]));
  }
}

StoredPart PartStore::make(const PieceName& piece) {
  return {Encoder().u8(kVersion).u8(kPiece).varint(piece.pack).varint(piece.place).take(), {}, piece};
}

PieceName PartStore::piece_of(BytesView row) {
  Decoder in(row);
  if (in.u8() != kVersion || in.u8() != kPiece) return {};
  PieceName piece;
  piece.pack = in.varint();
  piece.place = in.varint();
  return in.done() ? piece : PieceName{};
}

Result<void> PartStore::remove(rocksdb::WriteBatchBase& batch, const PartKey& key, PieceSet& pieces) const {
  auto value = database_.get(kParts, key.view());
  if (!value) return value.error();
  if (!*value) return Error{ErrorCode::corrupt, "a part is missing"};
  batch.Delete(database_.family(kParts), slice(key.view()));
  if (const auto piece = piece_of(**value); piece.pack != 0) pieces[piece.pack].insert(piece.place);
  if (const auto head = read_head(**value)) {
    for (std::uint64_t n = 0; n < head->chunks(); ++n) batch.Delete(database_.family(kParts), slice(chunk_key(key, n)));
  }
  return {};
}

Result<Bytes> PartStore::chunk(const PartKey& key, std::uint64_t number, std::uint64_t size) const {
  auto stored = database_.get(kParts, chunk_key(key, number));
  if (!stored) return stored.error();
  if (!*stored) return Error{ErrorCode::corrupt, "a chunk of a part is missing"};
  auto plain = coder_.load(**stored, size);
  if (plain && plain->size() != size) return Error{ErrorCode::corrupt, "a chunk of a part has another size than its head says"};
  return plain;
}

Result<OpenPart> PartStore::open(const PartKey& key) const {
  auto stored = database_.get(kParts, key.view());
  if (!stored) return stored.error();
  if (!*stored) return Error{ErrorCode::corrupt, "a part is missing"};
  OpenPart part(*this, key);
  if (const auto head = read_head(**stored)) {
    part.size_ = head->size;
    part.chunk_bytes_ = head->chunk_bytes;
    return part;
  }
  const auto piece = piece_of(**stored);
  auto plain = piece.pack != 0 ? packs_.piece(piece) : coder_.load(**stored, std::max<std::uint64_t>(kChunkBytes, 1ull << 32));
  if (!plain) return plain.error();
  part.loaded_ = *std::move(plain);
  part.size_ = part.loaded_.size();
  return part;
}

Result<Bytes> PartStore::whole(const PartKey& key) const {
  auto part = open(key);
  if (!part) return part.error();
  if (part->chunk_bytes_ == 0) return std::move(part->loaded_);
  return part->range(0, part->size());
}

Result<void> OpenPart::load(std::uint64_t number) {
  if (number == number_) return {};
  auto chunk = store_->chunk(key_, number, std::min(chunk_bytes_, size_ - number * chunk_bytes_));
  if (!chunk) return chunk.error();
  loaded_ = *std::move(chunk);
  number_ = number;
  return {};
}

Result<Bytes> OpenPart::range(std::uint64_t offset, std::uint64_t size) {
  if (offset > size_ || size > size_ - offset) return Error{ErrorCode::corrupt, "a part is smaller than its recipe says"};
  if (chunk_bytes_ == 0) return Bytes(BytesView(loaded_).substr(offset, size));
  Bytes bytes;
  bytes.reserve(size);
  while (size > 0) {
    if (auto loaded = load(offset / chunk_bytes_); !loaded) return loaded.error();
    const auto piece = BytesView(loaded_).substr(offset % chunk_bytes_, size);
    bytes += piece;
    offset += piece.size();
    size -= piece.size();
  }
  return bytes;
}

}  // namespace kopial
