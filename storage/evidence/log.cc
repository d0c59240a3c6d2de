#include "storage/evidence/log.h"

#include <fmt/format.h>

#include <algorithm>

#include "storage/base/encoding.h"
#include "storage/layout.h"

namespace kopial {
namespace {

constexpr std::uint8_t kVersion = 1;

Error broken(std::string_view what) { return Error{ErrorCode::corrupt, fmt::format("the evidence log is damaged: {}", what)}; }

Result<std::optional<StoredEntry>> stored(const Database& database, Family family, BytesView key) {
  auto row = database.get(family, key);
  if (!row) return row.error();
  if (!*row) return std::optional<StoredEntry>();
  auto entry = decode_stored_entry(**row);
  if (!entry) return broken(fmt::format("a row of {} cannot be read", tenant_families()[family].name));
  return std::optional(*std::move(entry));
}

}  // namespace

Bytes tile_key(unsigned level, std::uint64_t index) {
  return Encoder().u8('t').u8(static_cast<std::uint8_t>(level)).fixed64(index).take();
}
Bytes leaf_key(std::uint64_t leaf) { return Encoder().fixed64(leaf).take(); }

Bytes encode_tile(std::span<const Digest> hashes) {
  Encoder out;
  out.u8(kVersion);
  for (const auto& hash : hashes) out.raw(hash.view());
  return out.take();
}

std::optional<std::vector<Digest>> decode_tile(BytesView row) {
  Decoder in(row);
  if (in.u8() != kVersion || in.rest().size() % 32 != 0 || in.rest().size() > kTileWidth * 32) return std::nullopt;
  std::vector<Digest> hashes(in.rest().size() / 32);
  for (auto& hash : hashes) hash = *Digest::from_bytes(in.raw(32));
  return hashes;
}

Result<std::vector<Digest>> leaf_hashes(const Database& database, std::uint64_t first, std::uint64_t size, std::uint64_t last_sequence) {
  std::vector<std::optional<Digest>> found(size - first);
  const auto keep = [&](const StoredEntry& entry) {
    auto& place = found[entry.leaf - first];
    if (place) return false;
    place = leaf_hash(entry.committed.view());
    return true;
  };
  for (const auto family : {kEvents, kAudit}) {
    auto rows = database.range(family, leaf_key(first), leaf_key(size));
    for (; rows.valid(); rows.next()) {
      const auto entry = decode_stored_entry(rows.value());
      if (!entry || leaf_key(entry->leaf) != rows.key() || !keep(*entry)) return broken("an entry is not where it belongs");
    }
    if (auto status = rows.status(); !status) return status.error();
  }
  for (std::uint64_t sequence = last_sequence; sequence > 0; --sequence) {
    auto entry = stored(database, kChanges, sequence_key(Sequence{sequence}));
    if (!entry) return entry.error();
    if (!*entry) return broken(fmt::format("change {} is missing", sequence));
    if ((*entry)->leaf < first) break;
    if ((*entry)->leaf >= size) continue;
    if (!keep(**entry)) return broken("an entry is not where it belongs");
  }
  std::vector<Digest> hashes;
  hashes.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) return broken(fmt::format("leaf {} has no entry", first + i));
    hashes.push_back(*found[i]);
  }
  return hashes;
}

Result<TreeEdge> EvidenceLog::restore(const State& state) const {
  std::vector<std::vector<Digest>> partial;
  for (unsigned level = 0; (state.leaves >> (kTileBits * level)) != 0 && level < 8; ++level) {
    const auto complete = state.leaves >> (kTileBits * level);
    const auto width = complete & (kTileWidth - 1);
    auto& hashes = partial.emplace_back();
    if (level == 0) {
      auto last = leaf_hashes(database_, state.leaves - width, state.leaves, to_number(state.last_taken()));
      if (!last) return last.error();
      hashes = *std::move(last);
    } else if (width > 0) {
      auto row = database_.get(kEvidence, tile_key(level, complete >> kTileBits));
      if (!row) return row.error();
      auto tile = *row ? decode_tile(**row) : std::nullopt;
      if (!tile) return broken(fmt::format("tile {} of level {} is missing", complete >> kTileBits, level));
      hashes = *std::move(tile);
    }
  }
  auto edge = TreeEdge::restore(state.leaves, std::move(partial));
  if (!edge) return broken(edge.error().message);
  if (edge->root() != state.root) return broken("its tiles do not give the root that was recorded with the last batch");
  return edge;
}

Result<void> EvidenceLog::load(const State& state) {
  auto edge = restore(state);
  if (!edge && edge.error().code != ErrorCode::corrupt) return edge.error();
  if (edge) {
    advance(*std::move(edge), to_number(state.last_taken()));
    return {};
  }
  const std::lock_guard lock(mutex_);
  damage_ = edge.error().message;
  return {};
}

std::string EvidenceLog::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

TreeEdge EvidenceLog::edge() const {
  const std::lock_guard lock(mutex_);
  return edge_;
}

void EvidenceLog::advance(TreeEdge edge, std::uint64_t last_sequence) {
  const std::lock_guard lock(mutex_);
  edge_ = std::move(edge);
  last_sequence_ = last_sequence;
}

EvidenceLog::Head EvidenceLog::head() const {
  const std::lock_guard lock(mutex_);
  return {edge_.size(), edge_.root()};
}

Result<void> EvidenceLog::require(std::uint64_t size) const {
  const auto here = head().size;
  if (size > here) return Error{ErrorCode::invalid, fmt::format("the evidence log has {} leaves, not {}", here, size)};
  return {};
}

Prover EvidenceLog::prover(std::uint64_t size) const {
  return {size, [this](unsigned level, std::uint64_t index, unsigned width) { return tile(level, index, width); }};
}

Result<Digest> EvidenceLog::root_at(std::uint64_t size) const {
  if (auto enough = require(size); !enough) return enough.error();
  return prover(size).root();
}

Result<std::vector<Digest>> EvidenceLog::inclusion(std::uint64_t leaf, std::uint64_t size) const {
  if (auto enough = require(size); !enough) return enough.error();
  if (leaf >= size) return Error{ErrorCode::invalid, fmt::format("leaf {} is not among the first {}", leaf, size)};
  return prover(size).inclusion(leaf);
}

Result<std::vector<Digest>> EvidenceLog::consistency(std::uint64_t old_size, std::uint64_t size) const {
  if (auto enough = require(size); !enough) return enough.error();
  if (old_size == 0 || old_size > size) return Error{ErrorCode::invalid, "the older size must be between 1 and the newer one"};
  return prover(size).consistency(old_size);
}

Result<std::vector<Digest>> EvidenceLog::tile(unsigned level, std::uint64_t index, unsigned width) const {
  const auto missing = [&] { return Error{ErrorCode::not_found, fmt::format("tile {} of level {} has not {} hashes yet", index, level, width)}; };
  if (level > 7 || width == 0 || width > kTileWidth) return missing();
  {
    const std::lock_guard lock(mutex_);
    const auto complete = edge_.size() >> (kTileBits * level);
    if (index > complete >> kTileBits) return missing();
    if (index == complete >> kTileBits) {
      const auto hashes = edge_.partial(level);
      if (hashes.size() < width) return missing();
      return std::vector<Digest>(hashes.begin(), hashes.begin() + width);
    }
  }
  auto row = database_.get(kEvidence, tile_key(level, index));
  if (!row) return row.error();
  auto hashes = *row ? decode_tile(**row) : std::nullopt;
  if (!hashes || hashes->size() != kTileWidth) return broken(fmt::format("tile {} of level {} is missing", index, level));
  hashes->resize(width);
  return *std::move(hashes);
}

Result<std::optional<StoredEntry>> EvidenceLog::change(Sequence sequence) const {
  return stored(database_, kChanges, sequence_key(sequence));
}

Result<std::optional<StoredEntry>> EvidenceLog::entry(std::uint64_t leaf) const {
  std::uint64_t low = 1, high = 0;
  {
    const std::lock_guard lock(mutex_);
    if (leaf >= edge_.size()) return std::optional<StoredEntry>();
    high = last_sequence_;
  }
  for (const auto family : {kAudit, kEvents}) {
    auto found = stored(database_, family, leaf_key(leaf));
    if (!found || *found) return found;
  }
  high = std::min(high, leaf + 1);
  while (low <= high) {
    const auto middle = low + (high - low) / 2;
    auto found = change(Sequence{middle});
    if (!found) return found;
    if (!*found) return broken(fmt::format("change {} is missing", middle));
    if ((*found)->leaf == leaf) return found;
    if ((*found)->leaf < leaf) low = middle + 1;
    else high = middle - 1;
  }
  return broken(fmt::format("leaf {} has no entry", leaf));
}

}  // namespace kopial
