#include "server/monitoring/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <unistd.h>

#include <fstream>

namespace kopial {
namespace {

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

class PrometheusMetrics final : public Metrics {
 public:
  void count_request(const std::string& method, const std::string& route, int status, double seconds) override {
    // A method is what a client wrote: only the usual ones may become a label.
    const auto known = method == "GET" || method == "POST" || method == "PATCH" || method == "DELETE" || method == "HEAD" || method == "PUT";
    requests_.Add({{"method", known ? method : "other"}, {"route", route}, {"status", std::to_string(status)}}).Increment();
    durations_.Add({{"route", route}}, kBuckets).Observe(seconds);
  }
  void count_archived(std::uint64_t messages, std::uint64_t bytes) override {
    archived_.Increment(static_cast<double>(messages));
    archived_bytes_.Increment(static_cast<double>(bytes));
  }
  void count_quarantined(std::uint64_t messages) override { quarantined_.Increment(static_cast<double>(messages)); }
  void count_run(const std::string& state) override { runs_.Add({{"state", state}}).Increment(); }
  void count_care(const std::string& kind, const std::string& state, std::uint64_t bytes) override {
    care_.Add({{"kind", kind}, {"state", state}}).Increment();
    care_bytes_.Add({{"kind", kind}}).Increment(static_cast<double>(bytes));
  }
  void set_damaged(std::uint64_t objects) override { damaged_.Set(static_cast<double>(objects)); }
  void set_running(std::uint64_t runs) override { running_.Set(static_cast<double>(runs)); }
  void set_open_tenants(std::uint64_t tenants) override { open_tenants_.Set(static_cast<double>(tenants)); }
  std::string text() override {
    resident_.Set(resident_bytes());
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  using Counters = prometheus::Family<prometheus::Counter>;
  Counters& counters(const char* name, const char* help) { return prometheus::BuildCounter().Name(name).Help(help).Register(registry_); }
  prometheus::Gauge& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
  }

  static inline const prometheus::Histogram::BucketBoundaries kBuckets{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};
  prometheus::Registry registry_;
  Counters& requests_ = counters("kopial_http_requests_total", "Requests answered");
  Counters& care_ = counters("kopial_care_jobs_total", "Scrubs, backups, drills, repairs, compactions and restores ended, by their state");
  Counters& care_bytes_ = counters("kopial_care_bytes_total", "Bytes read or copied by them");
  Counters& runs_ = counters("kopial_runs_total", "Runs ended, by their state");
  prometheus::Family<prometheus::Histogram>& durations_ =
      prometheus::BuildHistogram().Name("kopial_http_request_seconds").Help("Time to answer a request").Register(registry_);
  prometheus::Counter& archived_ = counters("kopial_archived_messages_total", "Messages archived").Add({});
  prometheus::Counter& archived_bytes_ = counters("kopial_archived_bytes_total", "Raw bytes archived").Add({});
  prometheus::Counter& quarantined_ = counters("kopial_quarantined_messages_total", "Messages put into quarantine").Add({});
  prometheus::Gauge& damaged_ = gauge("kopial_damaged_objects", "Files and copies the last complete scrubs found damaged");
  prometheus::Gauge& running_ = gauge("kopial_runs_running", "Runs under way");
  prometheus::Gauge& open_tenants_ = gauge("kopial_open_tenants", "Tenants whose stores are open");
  prometheus::Gauge& resident_ = gauge("process_resident_memory_bytes", "Resident memory");
};

}  // namespace

std::unique_ptr<Metrics> Metrics::make() { return std::make_unique<PrometheusMetrics>(); }

}  // namespace kopial
