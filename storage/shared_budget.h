// What all open databases share: one block cache, one write-buffer budget, one I/O rate limiter.
#pragma once

#include <cstdint>
#include <memory>

namespace kopial {

class SharedBudget {
 public:
  // `memory_bytes` is split between block cache and write buffers.
  static std::shared_ptr<SharedBudget> make(std::uint64_t memory_bytes);
  virtual ~SharedBudget() = default;
};

}  // namespace kopial
