// A CopyReader over the store's parts.
#pragma once

#include <array>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>

#include "storage/base/ids.h"
#include "storage/copy_reader.h"
#include "storage/part_store.h"
#include "storage/recipe.h"

namespace kopial {

// Copies that were read and compared a moment ago: who looks at one usually asks for several of its parts. Thread-safe.
class VerifiedCopies {
 public:
  bool contains(const CopyId& copy);
  void add(const CopyId& copy);

 private:
  static constexpr std::size_t kMax = 64;
  static constexpr std::chrono::minutes kLasts{2};
  std::mutex mutex_;
  std::list<std::pair<CopyId, std::chrono::steady_clock::time_point>> copies_;  // newest first
};

// Reads and compares the copy (see copy_reader.h). Fails with corrupt.
Result<std::unique_ptr<CopyReader>> open_stored_copy(const CopyId& copy, std::uint64_t raw_bytes, Recipe recipe, const PartStore& parts,
                                                     VerifiedCopies& verified);

}  // namespace kopial
