#include "storage/base/worker_pool.h"

#include <pthread.h>

namespace kopial {

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t queue_jobs_max)
    : jobs_(queue_jobs_max) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());  // The kernel keeps 15 characters.
      while (auto job = jobs_.pop()) (*job)();
    });
  }
}

WorkerPool::~WorkerPool() { jobs_.close(); }

bool WorkerPool::try_submit(std::function<void()> job) { return jobs_.try_push(job); }
bool WorkerPool::submit(std::function<void()> job) { return jobs_.push(std::move(job)); }

}  // namespace kopial
