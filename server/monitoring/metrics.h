// Numbers for Prometheus (text format). Labels never hold names of tenants or people.
#pragma once

#include <memory>
#include <string>

namespace kopial {

// Thread-safe.
class Metrics {
 public:
  static std::unique_ptr<Metrics> make();
  virtual ~Metrics() = default;
  virtual void count_request(const std::string& method, const std::string& route, int status, double seconds) = 0;
  virtual void count_archived(std::uint64_t messages, std::uint64_t bytes) = 0;
  virtual void count_quarantined(std::uint64_t messages) = 0;
  virtual void count_run(const std::string& state) = 0;
  // A scrub, backup, drill … ended; `bytes` were read or copied for it.
  virtual void count_care(const std::string& kind, const std::string& state, std::uint64_t bytes) = 0;
  virtual void set_damaged(std::uint64_t objects) = 0;
  virtual void set_running(std::uint64_t runs) = 0;
  virtual void set_open_tenants(std::uint64_t tenants) = 0;
  virtual std::string text() = 0;
};

}  // namespace kopial
