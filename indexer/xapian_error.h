// Xapian throws; we return. The one place that translates.
#pragma once

#include <xapian.h>

#include <filesystem>
#include <string_view>

#include "storage/base/result.h"

namespace kopial {

Error translate(const Xapian::Error& error, std::string_view doing);

// Runs `action`, which returns a Result, and turns what Xapian throws into an Error. A reader that was overtaken by commits is
// refreshed by `refresh` and tried again, a few times.
template <typename Action, typename Refresh>
auto guarded_by_retries(std::string_view doing, Action&& action, Refresh&& refresh) -> decltype(action()) {
  constexpr int kAttempts = 8;
  for (int attempt = 1;; ++attempt) {
    try {
      return action();
    } catch (const Xapian::DatabaseModifiedError& error) {
      if (attempt == kAttempts) return translate(error, doing);
    } catch (const Xapian::Error& error) {
      return translate(error, doing);
    }
    try {
      refresh();
    } catch (const Xapian::Error& error) {
      return translate(error, doing);
    }
  }
}

}  // namespace kopial
