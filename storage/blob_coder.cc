#include "storage/blob_coder.h"

#include <zstd.h>

#include <cstdlib>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

constexpr std::uint8_t kVersion = 1;
enum Form : std::uint8_t { kAsItIs = 0, kZstd = 1, kZstdDictionary = 2 };

// Measured on mail: higher levels gain 5 to 10 % and cost three times as much and more.
constexpr int kLevel = 3;
// Of packs: a dozen messages with a dictionary come to 1.00 of one stream at level 3; at level 3 they would be 1.05 to 1.10, at level 9
// 0.97 for twice the time.
constexpr int kPackLevel = 6;
constexpr std::size_t kGlanceBytes = 8 << 10;
constexpr std::size_t kTrialBytes = 64 << 10;
// A dictionary is about this large; what is much longer brings its own repetitions and compresses faster without.
constexpr std::size_t kDictionaryBytesMax = 128 << 10;

void require(bool done) {
  if (!done) std::abort();
}

bool worth_it(std::size_t compressed, std::size_t plain) { return compressed < plain - plain / 33; }  // gains 3 %

ZSTD_CCtx* compressor() {
  // The size stands in our own prefix, and GCM or the copy's SHA-256 guards the bytes: zstd's frame needs neither.
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context = [] {
    ZSTD_CCtx* const fresh = ZSTD_createCCtx();
    require(fresh != nullptr);
    ZSTD_CCtx_setParameter(fresh, ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(fresh, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(fresh, ZSTD_c_dictIDFlag, 0);
    return std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>(fresh, &ZSTD_freeCCtx);
  }();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  require(context != nullptr);
  return context.get();
}

// Appends the frame to `out`.
std::size_t compress(BytesView plain, const void* dictionary, Bytes& out, Effort effort = Effort::blob) {
  auto* const context = compressor();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, effort == Effort::pack ? kPackLevel : kLevel);
  ZSTD_CCtx_refCDict(context, static_cast<const ZSTD_CDict*>(dictionary));  // null: none
  const std::size_t before = out.size();
  out.resize(before + ZSTD_compressBound(plain.size()));
  const std::size_t size = ZSTD_compress2(context, out.data() + before, out.size() - before, plain.data(), plain.size());
  require(ZSTD_isError(size) == 0);  // With room for the bound, only a lack of memory is left.
  out.resize(before + size);
  return size;
}

// Whether the first and the middle stretch compress: trying all of a large archive or video would be for nothing.
bool seems_compressed(BytesView plain) {
  Bytes scratch;
  for (const auto at : {std::size_t{0}, plain.size() / 2}) {
    scratch.clear();
    const auto stretch = plain.substr(at, kTrialBytes);
    if (worth_it(compress(stretch, nullptr, scratch), stretch.size())) return false;
  }
  return true;
}

}  // namespace

Dictionary::Dictionary(std::uint64_t dictionary_number, BlobKind blob_kind, Bytes bytes)
    : number(dictionary_number),
      kind(blob_kind),
      content(std::move(bytes)),
      compress_(ZSTD_createCDict(content.data(), content.size(), kLevel)),
      decompress_(ZSTD_createDDict(content.data(), content.size())) {
  require(compress_ != nullptr && decompress_ != nullptr);
}

Dictionary::~Dictionary() {
  ZSTD_freeCDict(static_cast<ZSTD_CDict*>(compress_));
  ZSTD_freeCDict(static_cast<ZSTD_CDict*>(compress_packs_));
  ZSTD_freeDDict(static_cast<ZSTD_DDict*>(decompress_));
}

const void* Dictionary::compress(Effort effort) const {
  if (effort == Effort::blob) return compress_;
  std::call_once(packs_made_, [this] {
    compress_packs_ = ZSTD_createCDict(content.data(), content.size(), kPackLevel);
    require(compress_packs_ != nullptr);
  });
  return compress_packs_;
}

void BlobCoder::add(std::shared_ptr<const Dictionary> dictionary) {
  const std::lock_guard lock(mutex_);
  auto& newest = newest_[static_cast<std::size_t>(dictionary->kind)];
  if (!newest || newest->number < dictionary->number) newest = dictionary;
  dictionaries_[dictionary->number] = std::move(dictionary);
}

std::shared_ptr<const Dictionary> BlobCoder::newest(BlobKind kind) const {
  const std::lock_guard lock(mutex_);
  return newest_[static_cast<std::size_t>(kind)];
}

std::shared_ptr<const Dictionary> BlobCoder::numbered(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = dictionaries_.find(number);
  return found == dictionaries_.end() ? nullptr : found->second;
}

bool BlobCoder::compresses(BytesView plain) const {
  Bytes scratch;
  const auto glance = plain.substr(0, kGlanceBytes);
  return worth_it(compress(glance, nullptr, scratch), glance.size());
}

Bytes BlobCoder::store(BlobKind kind, BytesView plain, Effort effort) const {
  if (effort == Effort::pack || plain.size() <= 2 * kTrialBytes || !seems_compressed(plain)) {
    const auto dictionary = effort == Effort::pack || plain.size() <= kDictionaryBytesMax ? newest(kind) : nullptr;
    Encoder head;
    head.u8(kVersion).u8(dictionary ? kZstdDictionary : kZstd);
    if (dictionary) head.varint(dictionary->number);
    Bytes stored = head.varint(plain.size()).take();
    if (worth_it(compress(plain, dictionary ? dictionary->compress(effort) : nullptr, stored, effort), plain.size())) {
      stored.shrink_to_fit();
      return stored;
    }
  }
  return Encoder().u8(kVersion).u8(kAsItIs).varint(plain.size()).raw(plain).take();
}

Result<Bytes> BlobCoder::load(BytesView stored, std::uint64_t bytes_max) const {
  const Error broken{ErrorCode::corrupt, "a stored blob cannot be read"};
  Decoder in(stored);
  if (in.u8() != kVersion) return broken;
  const auto form = in.u8();
  std::shared_ptr<const Dictionary> dictionary;
  if (form == kZstdDictionary) {
    dictionary = numbered(in.varint());
    if (!dictionary) return Error{ErrorCode::corrupt, "a stored blob needs a dictionary that is not there"};
  }
  const auto size = in.varint();
  if (!in.ok() || size > bytes_max) return broken;
  if (form == kAsItIs) {
    if (in.rest().size() != size) return broken;
    return Bytes(in.rest());
  }
  if (form != kZstd && form != kZstdDictionary) return broken;
  auto* const context = decompressor();
  ZSTD_DCtx_refDDict(context, dictionary ? static_cast<const ZSTD_DDict*>(dictionary->decompress_) : nullptr);
  Bytes plain(size, '\0');
  const auto got = ZSTD_decompressDCtx(context, plain.data(), plain.size(), in.rest().data(), in.rest().size());
  if (ZSTD_isError(got) != 0 || got != size) return broken;
  return plain;
}

}  // namespace kopial
