#include "storage/evidence/merkle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "storage/base/encoding.h"

namespace kopial {
namespace {

Digest digest(std::string_view hex) { return Digest::from_hex(hex).value(); }

// The tree that implementations of RFC 6962 have been checked against since its first one: eight leaves, the roots of its
// beginnings, and some proofs.
const std::vector<Bytes>& known_leaves() {
  static const std::vector<Bytes> leaves = [] {
    std::vector<Bytes> out;
    for (const auto* text : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}) {
      out.push_back(hex_decode(text).value());
    }
    return out;
  }();
  return leaves;
}
constexpr std::string_view kRoots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

// A tree in memory, with the tiles it was told of.
struct Log {
  TreeEdge edge;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Digest>> tiles;
  std::vector<Digest> roots{empty_root()};

  void append(const Digest& leaf) {
    edge.append(leaf, [&](const Tile& tile) { tiles[{tile.level, tile.index}] = tile.hashes; });
    roots.push_back(edge.root());
  }
  Prover prover(std::uint64_t size) const {
    return {size, [this](unsigned level, std::uint64_t index, unsigned width) -> Result<std::vector<Digest>> {
              std::vector<Digest> hashes;
              if (const auto found = tiles.find({level, index}); found != tiles.end()) hashes = found->second;
              else hashes.assign(edge.partial(level).begin(), edge.partial(level).end());
              if (hashes.size() < width) return Error{ErrorCode::not_found, fmt::format("tile {}/{} of {}", level, index, width)};
              return hashes;
            }};
  }
};

Log known() {
  Log log;
  for (const auto& leaf : known_leaves()) log.append(leaf_hash(leaf));
  return log;
}
Log generated(std::uint64_t size) {
  Log log;
  for (std::uint64_t i = 0; i < size; ++i) log.append(leaf_hash(fmt::format("leaf {}", i)));
  return log;
}

TEST(MerkleTest, GivesTheKnownRoots) {
  const auto log = known();
  for (std::size_t size = 0; size < std::size(kRoots); ++size) EXPECT_EQ(log.roots[size].hex(), kRoots[size]) << size;
}

TEST(MerkleTest, GivesTheKnownInclusionProofs) {
  struct Case {
    std::uint64_t index, size;
    std::vector<std::string_view> path;
  };
  const Case cases[] = {
      {0, 1, {}},
      {0, 8,
       {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
      {5, 8,
       {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
      {2, 3, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
      {1, 5,
       {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
  };
  const auto log = known();
  for (const auto& one : cases) {
    const auto proof = log.prover(one.size).inclusion(one.index);
    ASSERT_TRUE(proof) << proof.error().message;
    ASSERT_EQ(proof->size(), one.path.size());
    for (std::size_t i = 0; i < one.path.size(); ++i) EXPECT_EQ((*proof)[i].hex(), one.path[i]);
    EXPECT_TRUE(verify_inclusion(leaf_hash(known_leaves()[one.index]), one.index, one.size, *proof, digest(kRoots[one.size])));
  }
}

TEST(MerkleTest, GivesTheKnownConsistencyProofs) {
  struct Case {
    std::uint64_t old_size, size;
    std::vector<std::string_view> path;
  };
  const Case cases[] = {
      {1, 1, {}},
      {1, 8,
       {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
      {6, 8,
       {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
      {2, 5,
       {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
  };
  const auto log = known();
  for (const auto& one : cases) {
    const auto proof = log.prover(one.size).consistency(one.old_size);
    ASSERT_TRUE(proof) << proof.error().message;
    ASSERT_EQ(proof->size(), one.path.size());
    for (std::size_t i = 0; i < one.path.size(); ++i) EXPECT_EQ((*proof)[i].hex(), one.path[i]);
    EXPECT_TRUE(verify_consistency(one.old_size, one.size, *proof, digest(kRoots[one.old_size]), digest(kRoots[one.size])));
  }
}

// Every proof in every tree around the borders of tiles; each is worthless for any other leaf, root or order.
TEST(MerkleTest, ProvesEveryLeafAndNothingElse) {
  const auto log = generated(1030);
  for (const std::uint64_t size : {1u, 2u, 3u, 7u, 64u, 255u, 256u, 257u, 511u, 513u, 1024u, 1030u}) {
    auto prover = log.prover(size);
    EXPECT_EQ(prover.root().value(), log.roots[size]);
    for (std::uint64_t index = 0; index < size; index += size > 300 ? 37 : 1) {
      auto proof = prover.inclusion(index).value();
      const Digest leaf = leaf_hash(fmt::format("leaf {}", index));
      EXPECT_TRUE(verify_inclusion(leaf, index, size, proof, log.roots[size])) << index << " of " << size;
      EXPECT_FALSE(verify_inclusion(leaf_hash("another"), index, size, proof, log.roots[size]));
      EXPECT_FALSE(verify_inclusion(leaf, index, size, proof, log.roots[size - 1]));
      if (size > 1) {
        EXPECT_FALSE(verify_inclusion(leaf, index ^ 1, size, proof, log.roots[size])) << index << " of " << size;
      }
      proof.push_back(leaf);
      EXPECT_FALSE(verify_inclusion(leaf, index, size, proof, log.roots[size])) << "a proof that is too long";
    }
    for (std::uint64_t old_size = 1; old_size <= size; old_size += size > 300 ? 41 : 1) {
      auto proof = prover.consistency(old_size).value();
      EXPECT_TRUE(verify_consistency(old_size, size, proof, log.roots[old_size], log.roots[size])) << old_size << " to " << size;
      if (old_size == size) continue;
      EXPECT_FALSE(verify_consistency(old_size, size, proof, log.roots[old_size - 1], log.roots[size]));
      EXPECT_FALSE(verify_consistency(old_size, size, proof, log.roots[old_size], log.roots[size - 1]));
      proof.pop_back();
      EXPECT_FALSE(verify_consistency(old_size, size, proof, log.roots[old_size], log.roots[size])) << "a proof that is too short";
    }
  }
}

TEST(MerkleTest, ComesBackFromItsTiles) {
  Log log;
  for (std::uint64_t i = 0; i < 66'000; ++i) {
    log.append(leaf_hash(fmt::format("leaf {}", i)));
    const auto size = i + 1;
    if (size > 600 && size % 256 > 1 && size < 65'530) continue;
    std::vector<std::vector<Digest>> partial;
    for (unsigned level = 0; (size >> (8 * level)) != 0; ++level) {
      partial.emplace_back(log.edge.partial(level).begin(), log.edge.partial(level).end());
    }
    auto again = TreeEdge::restore(size, partial);
    ASSERT_TRUE(again) << size;
    EXPECT_EQ(again->root(), log.edge.root()) << size;
    EXPECT_FALSE(TreeEdge::restore(size + 1, partial)) << size;
  }
}

}  // namespace
}  // namespace kopial
