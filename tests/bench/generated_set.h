// Writing a generated set as Maildirs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "storage/base/result.h"
#include "tests/bench/corpus.h"

namespace kopial::bench {

enum class Profile { list, corporate };

struct GenerateOptions {
  Profile profile = Profile::list;
  std::size_t messages = 0;   // files written; of the corporate profile: deliveries
  std::size_t mailboxes = 1;  // of the corporate profile; list mail has one mailbox an archive of the corpus
  std::uint64_t seed = 0;
};

struct Generated {
  std::size_t files = 0, distinct = 0, mailboxes = 0;
  std::uint64_t bytes = 0;
};

// `out`/<mailbox>/{cur,new,tmp}; `out` must not exist or be empty. Fails with conflict, invalid, disk_full, unavailable.
Result<Generated> generate(const Corpus& corpus, const GenerateOptions& options, const std::filesystem::path& out);

}  // namespace kopial::bench
