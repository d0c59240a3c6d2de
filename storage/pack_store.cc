#include "storage/pack_store.h"

#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/layout.h"

namespace kopial {
namespace {

constexpr std::size_t kPlainBytesMax = 16 << 20;  // far above what is made; bounds what a broken value may ask for

Bytes key_of(std::uint64_t number) { return Encoder().fixed64(number).take(); }

Bytes encode_pieces(const std::vector<Bytes>& pieces) {
  Encoder out;
  out.varint(pieces.size());
  for (const auto& piece : pieces) out.varint(piece.size());
  for (const auto& piece : pieces) out.raw(piece);
  return out.take();
}

}  // namespace

std::optional<Pack> Pack::parse(Bytes plain) {
  Pack pack;
  pack.plain_ = std::move(plain);
  Decoder in(pack.plain_);
  const auto count = in.varint();
  if (!in.ok() || count > pack.plain_.size()) return std::nullopt;
  std::size_t end = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto size = in.varint();
    if (!in.ok() || size > pack.plain_.size()) return std::nullopt;
    pack.ends_.push_back(end += size);
  }
  if (in.rest().size() != end) return std::nullopt;
  pack.begin_ = pack.plain_.size() - end;
  return pack;
}

BytesView Pack::piece(std::size_t place) const {
  const std::size_t from = place == 0 ? 0 : ends_[place - 1];
  return BytesView(plain_).substr(begin_ + from, ends_[place] - from);
}

Result<void> PackStore::load() {
  std::unique_ptr<rocksdb::Iterator> rows(database_.rocks().NewIterator(rocksdb::ReadOptions(), database_.family(kPacks)));
  rows->SeekToLast();
  if (rows->Valid()) {
    Decoder key(view(rows->key()));
    last_number_ = key.fixed64();
    if (!key.done()) return Error{ErrorCode::corrupt, "a pack's name cannot be read"};
  }
  if (!rows->status().ok()) return to_error(rows->status(), "reading the store");
  return {};
}

bool PackStore::make(NewPack& pack) const {
  const Bytes plain = encode_pieces(pack.pieces);
  pack.stored = coder_.store(pack.kind, plain, Effort::pack);
  const auto loaded = coder_.load(pack.stored, plain.size());
  return loaded && *loaded == plain;
}

void PackStore::put(rocksdb::WriteBatchBase& batch, const NewPack& pack) const {
  batch.Put(database_.family(kPacks), slice(key_of(pack.number)), slice(pack.stored));
}

Result<void> PackStore::erase(rocksdb::WriteBatchBase& batch, BlobKind kind, const PieceSet& pieces) const {
  for (const auto& [number, places] : pieces) {
    const auto old = read(number);
    if (!old) return old.error();
    NewPack fresh{number, kind, {}, {}};
    for (std::size_t place = 0; place < (*old)->count(); ++place) {
      fresh.pieces.emplace_back(places.contains(place) ? BytesView() : (*old)->piece(place));
    }
    if (*places.rbegin() >= fresh.pieces.size()) return Error{ErrorCode::corrupt, "a piece to be erased is not in its pack"};
    const bool empty = std::all_of(fresh.pieces.begin(), fresh.pieces.end(), [](const Bytes& piece) { return piece.empty(); });
    if (empty) {
      batch.Delete(database_.family(kPacks), slice(key_of(number)));
    } else {
      if (!make(fresh)) return Error{ErrorCode::internal, "a pack does not give back its pieces"};
      put(batch, fresh);
    }
    const std::lock_guard lock(mutex_);
    kept_.remove_if([n = number](const auto& one) { return one.first == n; });
  }
  return {};
}

Result<std::shared_ptr<const Pack>> PackStore::read(std::uint64_t number) const {
  auto stored = database_.get(kPacks, key_of(number));
  if (!stored) return stored.error();
  if (!*stored) return Error{ErrorCode::corrupt, "a pack is missing"};
  auto plain = coder_.load(**stored, kPlainBytesMax);
  if (!plain) return plain.error();
  auto parsed = Pack::parse(*std::move(plain));
  if (!parsed) return Error{ErrorCode::corrupt, "a pack cannot be read"};
  return std::make_shared<const Pack>(*std::move(parsed));
}

Result<std::shared_ptr<const Pack>> PackStore::pack(std::uint64_t number) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const auto& one) { return one.first == number; });
    if (found != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, found);
      return kept_.front().second;
    }
  }
  auto fresh = read(number);
  if (!fresh) return fresh;
  const std::lock_guard lock(mutex_);
  kept_.emplace_front(number, *fresh);
  if (kept_.size() > kKept) kept_.pop_back();
  return fresh;
}

Result<Bytes> PackStore::piece(const PieceName& name) const {
  const auto found = pack(name.pack);
  if (!found) return found.error();
  if (name.place >= (*found)->count()) return Error{ErrorCode::corrupt, "a piece is not in its pack"};
  return Bytes((*found)->piece(name.place));
}

}  // namespace kopial
