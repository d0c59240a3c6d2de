// The fuzz targets without a fuzzer: the seeds of tests/fuzz/seeds, what fuzzing once found, the shared edge cases where they are,
// and a few thousand seeded mutations of them, so that every build runs every target.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "storage/mail/message_view.h"
#include "tests/fuzz/targets.h"
#include "tests/storage/mail/shared_corpus.h"
#include "tests/support/support.h"

namespace kopial::fuzz {
namespace {

constexpr std::size_t kMutationsOfEach = 400;

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(KOPIAL_SOURCE_DIR) / "tests/fuzz/seeds")) {
    std::ifstream file(entry.path(), std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

// Cuts, doubles, swaps and overwrites, as a fuzzer without feedback would.
Bytes mutate(Bytes bytes, const std::vector<Bytes>& others, std::minstd_rand& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (auto changes = 1 + below(6); changes > 0; --changes) {
    switch (below(6)) {
      case 0: bytes.resize(below(bytes.size() + 1)); break;
      case 1: if (!bytes.empty()) bytes[below(bytes.size())] = static_cast<char>(random()); break;
      case 2: bytes.insert(below(bytes.size() + 1), 1, "\r\n\0\"<>=?;:-_&*()[]%"[below(20)]); break;
      case 3: if (!bytes.empty()) { const auto at = below(bytes.size()); bytes.insert(at, bytes.substr(at, below(200))); } break;
      case 4: if (!bytes.empty()) bytes.erase(below(bytes.size()), below(50)); break;
      default: { const auto& other = others[below(others.size())]; bytes += other.substr(below(other.size() + 1), below(500)); }
    }
  }
  return bytes;
}

class Replay : public testing::TestWithParam<Target> {};

TEST_P(Replay, SurvivesSeedsAndTheirMutations) {
  initialise_mail();
  const auto& target = GetParam();
  const auto all = seeds();
  ASSERT_GE(all.size(), 8u);
  std::minstd_rand random(1);
  for (const auto& seed : all) {
    target.run(BytesView(seed).substr(0, target.bytes_max));
    for (std::size_t i = 0; i < kMutationsOfEach; ++i) {
      const auto mutated = mutate(seed, all, random);
      target.run(BytesView(mutated).substr(0, target.bytes_max));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Replay, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ReplayOfTheEdgeCases, SurvivesEach) {
  KOPIAL_SKIP_WITHOUT_CORPUS();
  initialise_mail();
  each_edge_case([&](const std::string&, const Bytes& content) {
    for (const auto& target : targets()) target.run(BytesView(content).substr(0, target.bytes_max));
  });
}

TEST(ReplayControl, StopsAtABrokenProperty) {
  EXPECT_DEATH(require(false, "the control"), "broken: the control");
}

}  // namespace
}  // namespace kopial::fuzz
