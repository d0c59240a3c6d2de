// Which real messages become the generated ones, in which order.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/corpus.h"

namespace kopial::bench {

struct Item {
  std::uint32_t mail = 0;   // index into Corpus::mails
  std::uint32_t epoch = 0;  // pass over the corpus
};

// Whole threads in an order of the seed, the sources in step, pass after pass: the first n of any plan have the corpus's mixture.
std::vector<Item> make_plan(const Corpus& corpus, std::uint64_t seed, std::size_t messages);

}  // namespace kopial::bench
