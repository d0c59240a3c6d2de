// What a bench of the store needs to know of the machine: files, memory, syncs, times.
#pragma once

#include <rocksdb/env.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "storage/base/bytes.h"

namespace kopial::bench {

// The machine's environment of RocksDB; counts what it asks of the disk.
struct DiskCounts {
  std::atomic<std::uint64_t> syncs{0};          // fsync and fdatasync of files, folders included
  std::atomic<std::uint64_t> bytes_written{0};
};
std::unique_ptr<rocksdb::Env> counting_env(DiskCounts& counts);

struct Percentiles {
  double p50 = 0, p99 = 0, most = 0;
};
Percentiles percentiles(std::vector<double> values);

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count(); }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

double cpu_seconds();             // of this process, all threads
std::uint64_t resident_bytes();   // now
std::uint64_t resident_peak();    // the highest since `forget_peak`
void forget_peak();

// Drops the files below `folder` from the page cache. What is not yet on disk is synced first.
void evict(const std::filesystem::path& folder);

// The files of a set, in the order in which they were made: by the number in their name, then by mailbox.
std::vector<std::filesystem::path> maildir_files(const std::filesystem::path& folder);

// Seconds that `count` appends of `bytes` with fdatasync take here, each.
std::vector<double> sync_times(const std::filesystem::path& folder, std::size_t bytes, std::size_t count);

}  // namespace kopial::bench
