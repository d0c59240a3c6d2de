// Measuring a set of mail, so that a generated one can be held against the real one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "tests/bench/corpus.h"

namespace kopial::bench {

struct Figures {
  std::size_t messages = 0, distinct_ids = 0;
  std::vector<std::pair<std::size_t, std::size_t>> words;  // messages -> distinct words that so many have, in the mean
  double words_each = 0;                                   // distinct words of one message
  double mean = 0, p50 = 0, p90 = 0, p99 = 0;              // bytes
  double replies = 0;            // share with In-Reply-To or References
  double references = 0;         // mean number of references of a reply: depth of the thread
  double answered = 0;           // share of replies whose last reference is in the set
  double parts = 0, attached = 0;  // mean leaves; share with attachments
  double unique_bytes = 0;       // distinct share of the decoded bytes of attachments
  double header_bytes = 0;       // share of all bytes
  std::size_t defective = 0;     // with structural defects
};

// `raw_of(i)` for i in [0, count), from any thread. `steps`: at how many messages words are counted.
Figures measure(std::size_t count, const std::function<Bytes(std::size_t)>& raw_of, const std::vector<std::size_t>& steps);

// All files of the Maildirs below `folder`, in an order that is a function of their names.
Result<Figures> measure_maildirs(const std::filesystem::path& folder, const std::vector<std::size_t>& steps);
// The real messages, whole threads in a random order.
Figures measure_corpus(const Corpus& corpus, const std::vector<std::size_t>& steps);

// The table that the README quotes.
std::string compare(const Figures& generated, const Figures& real);

}  // namespace kopial::bench
