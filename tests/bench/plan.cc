#include "tests/bench/plan.h"

#include <algorithm>
#include <tuple>

#include "tests/bench/random.h"

namespace kopial::bench {

std::vector<Item> make_plan(const Corpus& corpus, std::uint64_t seed, std::size_t messages) {
  std::vector<Item> out;
  std::vector<double> totals(corpus.sources.size(), 0);
  for (const auto& mail : corpus.mails) totals[mail.source] += 1;
  for (std::uint32_t epoch = 0; out.size() < messages; ++epoch) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < corpus.threads.size(); ++i) {
      if (!corpus.threads[i].empty()) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(mix(a, seed, epoch), a) < std::pair(mix(b, seed, epoch), b);
    });
    std::vector<double> placed(totals.size(), 0);
    std::vector<std::pair<double, std::uint32_t>> sorted;
    for (const auto thread : order) {
      const auto& mails = corpus.threads[thread];
      const auto source = corpus.mails[mails.front()].source;
      sorted.emplace_back((placed[source] + static_cast<double>(mails.size()) / 2) / totals[source], thread);
      placed[source] += static_cast<double>(mails.size());
    }
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [place, thread] : sorted) {
      for (const auto mail : corpus.threads[thread]) {
        if (out.size() < messages) out.push_back({mail, epoch});
      }
    }
  }
  return out;
}

}  // namespace kopial::bench
