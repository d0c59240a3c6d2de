// What a proof costs in a log of many leaves.
//   kopial_evidence_bench [LEAVES] [FOLDER]      10 000 000 leaves by default; makes the log anew in FOLDER
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"
#include "storage/evidence/log.h"
#include "storage/evidence/proof.h"
#include "storage/layout.h"

namespace kopial {
namespace {

using Clock = std::chrono::steady_clock;
double seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

// A leaf as a message leaves it.
StoredEntry generated(std::uint64_t leaf) {
  Entry entry{EntryKind::message_added, from_milliseconds(1'790'000'000'000 + static_cast<std::int64_t>(leaf)), Serial{leaf + 1}, sha256(fmt::format("copy {}", leaf)), {}};
  entry.facts.push_back({.type = FactType::copy, .bytes = 75'000, .defects = 0});
  entry.facts.push_back({.type = FactType::message, .digest = sha256(fmt::format("row {}", leaf))});
  entry.facts.push_back({.type = FactType::placed, .serial = entry.serial, .copy = entry.copy, .archive = ArchiveId{17}, .folder = 3, .tag = "12345678", .received = entry.at});
  StoredEntry stored;
  stored.leaf = leaf;
  stored.kind = entry.kind;
  stored.salt = Bytes(sha256(fmt::format("salt {}", leaf)).view().substr(0, kSaltBytes));
  stored.canonical = encode(entry);
  stored.committed = commitment(stored.salt, stored.canonical);
  return stored;
}

int run(std::uint64_t leaves, const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  auto database = Database::open(folder, tenant_families(), {});
  if (!database) return fmt::print(stderr, "{}\n", database.error().message), 1;
  auto& store = **database;

  TreeEdge edge;
  rocksdb::WriteBatch batch;
  std::uint64_t tile_bytes = 0, stored_bytes = 0;
  auto begun = Clock::now();
  std::chrono::nanoseconds making{0};
  const auto write = [&] { store.rocks().Write({}, &batch); batch.Clear(); };
  for (std::uint64_t leaf = 0; leaf < leaves; ++leaf) {
    const auto before = Clock::now();
    const auto stored = generated(leaf);
    making += Clock::now() - before;
    const auto row = encode(stored);
    stored_bytes += row.size();
    if (leaf + kTileWidth > leaves) batch.Put(store.family(kEvents), leaf_key(leaf), row);  // The others' rows are not read by proofs.
    edge.append(leaf_hash(stored.committed.view()), [&](const Tile& tile) {
      const auto value = encode_tile(tile.hashes);
      if (tile.hashes.size() == kTileWidth) tile_bytes += value.size();
      batch.Put(store.family(kEvidence), tile_key(tile.level, tile.index), value);
    });
    if (batch.GetDataSize() > 4 << 20) write();
  }
  write();
  const auto took = seconds(begun) - std::chrono::duration<double>(making).count();
  fmt::print("{} leaves: {:.2f} us each to append, {:.1f} bytes of tiles each, {:.0f} bytes of a stored entry\n", leaves, took * 1e6 / static_cast<double>(leaves),
             static_cast<double>(tile_bytes) / static_cast<double>(leaves), static_cast<double>(stored_bytes) / static_cast<double>(leaves));

  database->reset();  // From the disk, not from what happened to be in memory.
  database = Database::open(folder, tenant_families(), {});
  if (!database) return fmt::print(stderr, "{}\n", database.error().message), 1;
  EvidenceLog log(**database);
  State state;
  state.leaves = edge.size();
  state.root = edge.root();
  begun = Clock::now();
  if (auto loaded = log.load(state); !loaded || !log.damage().empty()) return fmt::print(stderr, "{}\n", log.damage()), 1;
  fmt::print("opened in {:.1f} ms\n", seconds(begun) * 1e3);

  std::mt19937_64 random(1);
  std::vector<double> times;
  std::size_t largest = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto leaf = random() % leaves;
    begun = Clock::now();
    const auto path = log.inclusion(leaf, leaves);
    times.push_back(seconds(begun) * 1e3);
    const auto stored = generated(leaf);
    if (!path || !verify_inclusion(leaf_hash(stored.committed.view()), leaf, leaves, *path, state.root)) return fmt::print(stderr, "leaf {} has no proof\n", leaf), 1;
    largest = std::max(largest, encode_proof({leaf, leaves, stored.salt, stored.canonical, *path}).size());
  }
  std::sort(times.begin(), times.end());
  fmt::print("inclusion proof: p50 {:.2f} ms, p99 {:.2f} ms, largest {:.2f} ms; at most {} bytes\n", times[500], times[990], times.back(), largest);

  times.clear();
  for (int i = 0; i < 200; ++i) {
    const auto old_size = 1 + random() % leaves;
    begun = Clock::now();
    const auto path = log.consistency(old_size, leaves);
    times.push_back(seconds(begun) * 1e3);
    if (!path || !verify_consistency(old_size, leaves, *path, log.root_at(old_size).value(), state.root)) return fmt::print(stderr, "no consistency from {}\n", old_size), 1;
  }
  std::sort(times.begin(), times.end());
  fmt::print("consistency proof: p50 {:.2f} ms, p99 {:.2f} ms\n", times[100], times[198]);
  return 0;
}

}  // namespace
}  // namespace kopial

int main(int argc, char** argv) {
  const std::uint64_t leaves = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  const auto folder = argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path() / "kopial-evidence-bench";
  if (leaves == 0) return fmt::print(stderr, "usage: kopial_evidence_bench [LEAVES] [FOLDER]\n"), 2;
  const int code = kopial::run(leaves, folder);
  std::filesystem::remove_all(folder);
  return code;
}
