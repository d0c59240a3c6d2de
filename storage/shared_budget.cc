#include "storage/shared_budget.h"

#include <rocksdb/rate_limiter.h>

#include <algorithm>

#include "storage/database.h"

namespace kopial {
namespace {

constexpr std::uint64_t kLeastBytes = 8 << 20;  // Below this RocksDB spends its time flushing.
// Flushes and compactions of all tenants together; keeps one tenant's import from starving another's reads.
constexpr std::int64_t kBackgroundBytesPerSecond = 256 << 20;

}  // namespace

std::shared_ptr<SharedBudget> SharedBudget::make(std::uint64_t memory_bytes) {
  return std::make_shared<Budget>(std::max(memory_bytes, kLeastBytes));
}

// Write buffers are charged to the block cache, so the cache's capacity bounds both: what writing does not need, reading has.
Budget::Budget(std::uint64_t memory_bytes)
    : write_bytes(memory_bytes / 2),
      cache(rocksdb::NewLRUCache(memory_bytes)),
      write_buffers(std::make_shared<rocksdb::WriteBufferManager>(write_bytes, cache)),
      rate_limiter(rocksdb::NewGenericRateLimiter(kBackgroundBytesPerSecond)) {}

}  // namespace kopial
