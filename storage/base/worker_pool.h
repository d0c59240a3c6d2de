// A fixed number of threads behind a bounded queue of jobs.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/bounded_queue.h"

namespace kopial {

// Thread-safe. Jobs must not throw. The destructor runs what is queued, then joins.
class WorkerPool {
 public:
  WorkerPool(std::string name, std::size_t threads, std::size_t queue_jobs_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full or closing: answer "later".
  bool try_submit(std::function<void()> job);
  // Waits for room. False when closing.
  bool submit(std::function<void()> job);
  std::size_t queued() const { return jobs_.size(); }

 private:
  BoundedQueue<std::function<void()>> jobs_;
  std::vector<std::jthread> threads_;
};

}  // namespace kopial
