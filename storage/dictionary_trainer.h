// Learns from a tenant's own mail what its headers and bodies look like, and gives the blob coder dictionaries made of that.
//
// Two dictionaries for each kind of blob: one as soon as there is anything to learn from, one when there is much more. Samples
// are kept in memory only, bounded, and only until the last dictionary is made. A dictionary is durable before it is used.
#pragma once

#include <array>
#include <mutex>
#include <thread>
#include <vector>

#include "storage/blob_coder.h"
#include "storage/database.h"

namespace kopial {

// Thread-safe.
class DictionaryTrainer {
 public:
  DictionaryTrainer(Database& database, BlobCoder& coder) : database_(database), coder_(coder) {}
  ~DictionaryTrainer() { finish_training(); }

  // Gives the coder the dictionaries of the store. To be called once, before anything else.
  Result<void> load();
  // Shows one blob of a new copy; cheap, and sometimes begins training in the background.
  void offer(BlobKind kind, BytesView plain);
  void finish_training();

 private:
  struct Lesson {
    std::size_t stage = 0;  // dictionaries of this kind so far
    std::uint64_t offered = 0;
    std::vector<std::size_t> sizes;
    Bytes samples;
    bool training = false;
  };
  void train(BlobKind kind, Bytes samples, std::vector<std::size_t> sizes);
  Result<void> keep(BlobKind kind, Bytes content);

  Database& database_;
  BlobCoder& coder_;
  std::mutex mutex_;
  std::array<Lesson, 2> lessons_;
  std::uint64_t last_number_ = 0;
  std::vector<std::jthread> threads_;  // at most one for each dictionary ever made here
};

}  // namespace kopial
