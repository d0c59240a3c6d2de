#include "server/app.h"

#include <fmt/format.h>

#include <thread>

#include "server/api/api.h"
#include "server/api/care.h"
#include "server/api/idempotency.h"
#include "server/archiving/run_service.h"
#include "server/care/care_service.h"
#include "server/care/notary.h"
#include "server/first_start.h"
#include "server/http/server.h"
#include "server/monitoring/metrics.h"
#include "server/people/directories.h"
#include "server/people/identity_providers.h"
#include "server/people/passkeys.h"
#include "server/people/sessions.h"
#include "server/people/users.h"
#include "server/services.h"
#include "server/tenants.h"
#include "storage/base/files.h"
#include "storage/base/log.h"
#include "storage/shared_budget.h"

namespace kopial {
namespace {

constexpr std::chrono::minutes kHousekeeping{5};

// Where checkpoints are kept outside the tenants' own folders.
std::vector<std::filesystem::path> evidence_anchors(const Settings& settings) {
  std::vector<std::filesystem::path> folders{settings.data_dir / "anchors"};
  if (!settings.evidence.anchor_dir.empty()) folders.emplace_back(settings.evidence.anchor_dir);
  return folders;
}

class Daemon final : public App {
 public:
  Daemon(Settings settings, Clock& clock, std::shared_ptr<SharedBudget> budget, std::unique_ptr<SystemStore> system, std::unique_ptr<Notary> notary)
      : settings_(std::move(settings)),
        clock_(clock),
        budget_(std::move(budget)),
        system_(std::move(system)),
        metrics_(Metrics::make()),
        tenants_(make_tenants(*system_, {settings_.data_dir / "tenants", settings_.limits.message_bytes_max, budget_, 2, evidence_anchors(settings_)}, clock_)),
        users_(clock_),
        directories_(*tenants_, system_->records(), users_, settings_, clock_),
        identity_providers_(*tenants_, users_, settings_, clock_),
        passkeys_(settings_, clock_),
        sessions_(Sessions::make(*tenants_, system_->records(), users_, directories_, passkeys_, clock_)),
        runs_(make_run_service(*tenants_, settings_, *metrics_, clock_)),
        care_(make_care_service(*tenants_, settings_, *metrics_, clock_)),
        notary_(std::move(notary)),
        idempotency_(system_->records(), clock_),
        services_{clock_, settings_, *tenants_, users_, *sessions_, *runs_, *metrics_, idempotency_, directories_, identity_providers_, passkeys_},
        api_(services_) {
    add_system_routes(api_);
    add_session_routes(api_);
    add_identity_routes(api_);
    add_passkey_routes(api_);
    add_token_routes(api_);
    add_tenant_routes(api_);
    add_user_routes(api_);
    add_directory_routes(api_);
    add_grant_routes(api_);
    add_archive_routes(api_);
    add_credential_routes(api_);
    add_credential_check_routes(api_);
    add_profile_routes(api_);
    add_completeness_routes(api_);
    add_restore_routes(api_);
    add_journal_routes(api_);
    add_import_routes(api_);
    add_search_routes(api_);
    add_message_routes(api_);
    add_erasure_routes(api_, *care_);
    add_care_routes(api_, *care_);
    add_evidence_routes(api_, *notary_);
  }
  ~Daemon() override { stop(); }

  Result<void> open() {
    http::ServerOptions options;
    options.listen = settings_.http.listen;
    options.tls = settings_.http.tls;
    options.body_bytes_in_flight_max = std::max(settings_.limits.message_bytes_max, settings_.limits.memory_bytes_max / 2);
    if (options.tls) {
      auto certificate = find_certificate(settings_, clock_);
      if (!certificate) return certificate.error();
      options.certificate_pem = certificate->certificate_pem;
      options.private_key_pem = certificate->private_key_pem;
    }
    auto server = http::Server::start(
        std::move(options), [this](const http::Request& request) { return api_.handle(request); },
        [this](const http::Request& request) { return api_.body_limit(request); });
    if (!server) return server.error();
    server_ = *std::move(server);
    if (auto resumed = runs_->resume(); !resumed) return resumed;
    notary_->start(*tenants_);
    housekeeper_ = std::jthread([this](std::stop_token stop) {
      while (clock_.wait_for(kHousekeeping, stop)) keep_house();
    });
    // Scripts wait for this file: it is written when everything answers.
    std::error_code bad;
    std::filesystem::create_directories(settings_.data_dir / "run", bad);
    std::string text;
    for (const auto& address : addresses()) text += address + "\n";
    return write_file_durably(settings_.data_dir / "run" / "address", text, 0644);
  }

  std::vector<std::string> addresses() const override { return server_->addresses(); }

  Result<void> reload() override {
    if (!settings_.http.tls) return {};
    auto certificate = find_certificate(settings_, clock_);
    if (!certificate) return certificate.error();
    return server_->replace_certificate(certificate->certificate_pem, certificate->private_key_pem);
  }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    if (housekeeper_.joinable()) {
      housekeeper_.request_stop();
      housekeeper_.join();
    }
    std::jthread runs([this] { runs_->stop(); });  // Both take their time; together they take it once.
    if (server_) server_->stop();
    care_->stop();
    notary_->stop();
    runs.join();
    std::error_code ignored;
    std::filesystem::remove(settings_.data_dir / "run" / "address", ignored);
  }

 private:
  void keep_house() {
    sessions_->sweep(system_->records());
    idempotency_.sweep(system_->records());
    for (const auto& tenant : tenants_->open_now()) {
      sessions_->sweep(tenant->store().records());
      idempotency_.sweep(tenant->store().records());
    }
    care_->keep_schedule();
    directories_.run_due(housekeeper_.get_stop_token());
    tenants_->close_idle();
  }

  const Settings settings_;
  Clock& clock_;
  const std::shared_ptr<SharedBudget> budget_;
  const std::unique_ptr<SystemStore> system_;
  const std::unique_ptr<Metrics> metrics_;
  const std::unique_ptr<Tenants> tenants_;
  Users users_;
  Directories directories_;
  IdentityProviders identity_providers_;
  Passkeys passkeys_;
  const std::unique_ptr<Sessions> sessions_;
  const std::unique_ptr<RunService> runs_;
  const std::unique_ptr<CareService> care_;
  const std::unique_ptr<Notary> notary_;
  Idempotency idempotency_;
  Services services_;
  Api api_;
  std::unique_ptr<http::Server> server_;
  std::jthread housekeeper_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<App>> App::start(Settings settings, Clock& clock) {
  // A quarter of the memory is for caches and write buffers; the rest for messages under way and for what the index gathers between commits.
  auto budget = SharedBudget::make(settings.limits.memory_bytes_max / 4);
  auto system = open_system_store(settings, budget);
  if (!system) return system.error();
  auto notary = make_notary(settings, clock);
  if (!notary) return notary.error();
  auto daemon = std::make_unique<Daemon>(std::move(settings), clock, std::move(budget), *std::move(system), *std::move(notary));
  if (auto opened = daemon->open(); !opened) return opened.error();
  return std::unique_ptr<App>(std::move(daemon));
}

}  // namespace kopial
