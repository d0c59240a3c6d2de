// The one composition root: everything a running daemon is made of, in the order it is built.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

class App {
 public:
  static Result<std::unique_ptr<App>> start(Settings settings, Clock& clock);
  virtual ~App() = default;
  virtual std::vector<std::string> addresses() const = 0;
  // Certificates again from their files (SIGHUP).
  virtual Result<void> reload() = 0;
  // Stop accepting, ask runs to stop, drain, close. Called once.
  virtual void stop() = 0;
};

}  // namespace kopial
