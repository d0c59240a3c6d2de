// Idempotency-Key: a write that is sent again is not done again, and gets the answer of the first time.
//
// Answers are kept for a day, sealed, in the records of whom they belong to.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "server/http/message.h"
#include "server/people/caller.h"
#include "storage/records.h"

namespace kopial {

// Thread-safe.
class Idempotency {
 public:
  Idempotency(Records& system, Clock& clock) : system_(system), clock_(clock) {}

  // Runs `act`, or gives the kept answer. conflict when the same key came with another request, or is being worked on.
  // Without a key it just acts. Only answers of success are kept: a failure may be tried again.
  http::Response once(const Caller& caller, const http::Request& request, const std::function<http::Response()>& act);
  // Removes what is older than a day, a bounded number at a time.
  void sweep(Records& records);

 private:
  Records& system_;
  Clock& clock_;
  std::mutex mutex_;
  std::set<std::string> under_way_;
};

}  // namespace kopial
