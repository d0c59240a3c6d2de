#include "server/care/care_service.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "config/settings.h"
#include "server/care/restoring.h"
#include "server/care/tenant_care.h"
#include "server/monitoring/metrics.h"
#include "storage/base/log.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "care";
constexpr std::size_t kQueuedMax = 1000;
constexpr std::size_t kFindingsKept = 100;
constexpr std::chrono::seconds kSavePosition{10};

// Nice and ionice of this thread alone: care must never be what people wait for.
void step_back() {
  constexpr int kLowest = 19, kIoprioWhoProcess = 1, kIoprioIdle = 3 << 13;
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  (void)::setpriority(PRIO_PROCESS, thread, kLowest);
  (void)::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kIoprioIdle);
}

std::optional<CareState> state_of(std::string_view text) {
  for (const auto state : {CareState::none, CareState::queued, CareState::running, CareState::succeeded, CareState::findings, CareState::failed, CareState::cancelled}) {
    if (to_string(state) == text) return state;
  }
  return std::nullopt;
}

json::value time_value(const std::optional<Time>& time) { return time ? json::value(to_milliseconds(*time)) : json::value(nullptr); }
std::optional<Time> time_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return from_milliseconds(value->to_number<std::int64_t>());
}

std::string encode(const CareJob& job) {
  json::array findings;
  for (const auto& one : job.findings) findings.push_back(json::string(one));
  return json::serialize(json::object{{"kind", job.kind}, {"state", to_string(job.state)}, {"queued_at", time_value(job.queued_at)},
                                      {"started_at", time_value(job.started_at)}, {"ended_at", time_value(job.ended_at)}, {"bytes", job.bytes},
                                      {"bytes_total", job.bytes_total}, {"text", job.text}, {"error", job.error}, {"backup", job.backup},
                                      {"findings", std::move(findings)}});
}

std::optional<json::object> parse(const std::string& text) {
  json::error_code bad;
  auto value = json::parse(text, bad);
  if (bad || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::uint64_t number_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

CareJob decode_job(const json::object& object) {
  CareJob job;
  job.kind = text_of(object, "kind");
  job.state = state_of(text_of(object, "state")).value_or(CareState::none);
  job.queued_at = time_of(object, "queued_at");
  job.started_at = time_of(object, "started_at");
  job.ended_at = time_of(object, "ended_at");
  job.bytes = number_of(object, "bytes");
  job.bytes_total = number_of(object, "bytes_total");
  job.text = text_of(object, "text");
  job.error = text_of(object, "error");
  job.backup = text_of(object, "backup");
  if (const auto* findings = object.if_contains("findings"); findings != nullptr && findings->is_array()) {
    for (const auto& one : findings->get_array()) {
      if (one.is_string()) job.findings.emplace_back(one.get_string());
    }
  }
  return job;
}

std::string encode(const ScrubReport& report, const std::optional<Time>& last_complete) {
  json::array findings;
  for (const auto& one : report.findings) {
    findings.push_back(json::object{{"object", one.object}, {"problem", one.problem},
                                    {"message", one.message ? json::value(to_number(*one.message)) : json::value(nullptr)},
                                    {"copy", one.copy ? json::value(one.copy->hex()) : json::value(nullptr)}});
  }
  return json::serialize(json::object{{"complete", report.complete}, {"position", report.position}, {"files", report.files},
                                      {"file_bytes", report.file_bytes}, {"unknown_files", report.unknown_files}, {"messages", report.messages},
                                      {"copies", report.copies}, {"copy_bytes", report.copy_bytes}, {"damaged", report.damaged},
                                      {"last_complete_at", time_value(last_complete)}, {"findings", std::move(findings)}});
}

ScrubReport decode_report(const json::object& object, std::optional<Time>& last_complete) {
  ScrubReport report;
  const auto* complete = object.if_contains("complete");
  report.complete = complete != nullptr && complete->is_bool() && complete->get_bool();
  report.position = text_of(object, "position");
  report.files = number_of(object, "files");
  report.file_bytes = number_of(object, "file_bytes");
  report.unknown_files = number_of(object, "unknown_files");
  report.messages = number_of(object, "messages");
  report.copies = number_of(object, "copies");
  report.copy_bytes = number_of(object, "copy_bytes");
  report.damaged = number_of(object, "damaged");
  last_complete = time_of(object, "last_complete_at");
  if (const auto* findings = object.if_contains("findings"); findings != nullptr && findings->is_array()) {
    for (const auto& value : findings->get_array()) {
      if (!value.is_object()) continue;
      const auto& one = value.get_object();
      ScrubFinding finding{text_of(one, "object"), text_of(one, "problem"), std::nullopt, CopyId::from_hex(text_of(one, "copy"))};
      if (const auto message = number_of(one, "message"); message != 0) finding.message = Serial{message};
      report.findings.push_back(std::move(finding));
    }
  }
  return report;
}

class Care final : public CareService {
 public:
  Care(Tenants& tenants, const Settings& settings, Metrics& metrics, Clock& clock)
      : tenants_(tenants), care_(care_of(tenants)), settings_(settings), metrics_(metrics), clock_(clock) {
    jobs_thread_ = std::jthread([this](std::stop_token stop) { work(jobs_, stop); });
    scrub_thread_ = std::jthread([this](std::stop_token stop) { work(scrubs_, stop); });
  }
  ~Care() override { stop(); }

  Result<CareJob> start_scrub(const std::string& slug, std::uint64_t bytes_per_second) override {
    return queue(scrubs_, slug, {"scrub", ""}, bytes_per_second);
  }
  void stop_scrub(const std::string& slug) override {
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find({slug, "scrub"}); found != live_.end()) found->second->stop.request_stop();
  }

  Result<ScrubStatus> scrub(Tenant& tenant) override {
    ScrubStatus status;
    if (auto loaded = load_scrub(tenant, status.report, status.last_complete_at); !loaded) return loaded.error();
    auto job = last_job(tenant, "scrub");
    if (!job) return job.error();
    status.job = *std::move(job);
    const std::lock_guard lock(mutex_);
    if (const auto found = live_.find({tenant.facts().slug, "scrub"}); found != live_.end()) {
      status.job = found->second->job;
      if (found->second->report) status.report = *found->second->report;
    }
    return status;
  }

  Result<CareJob> start_repair(const std::string& slug) override {
    if (auto folder = backup_folder(slug); !folder) return folder.error();
    return queue(jobs_, slug, {"repair", ""}, 0);
  }

  Result<CareJob> start_backup(const std::string& slug) override {
    if (auto folder = backup_folder(slug); !folder) return folder.error();
    return queue(jobs_, slug, {"backup", ""}, settings_.backup.bytes_per_second);
  }
  Result<CareJob> start_drill(const std::string& slug, const std::string& backup) override { return queue_for_backup("drill", slug, backup); }
  Result<CareJob> start_restore(const std::string& slug, const std::string& backup) override {
    return queue_for_backup("restore", slug, backup);
  }
  Result<CareJob> start_compaction(const std::string& slug) override { return queue(jobs_, slug, {"compaction", ""}, 0); }

  Result<std::vector<CareJob>> jobs(const std::string& slug) override {
    std::vector<CareJob> out;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, live] : live_) {
        if (name.first == slug) out.push_back(live->job);
      }
      if (const auto found = restored_.find(slug); found != restored_.end()) out.push_back(found->second);
    }
    auto known = tenants_.find(slug);
    if (!known) return known.error();
    if (*known) {
      auto tenant = tenants_.open(slug);
      if (!tenant && tenant.error().code != ErrorCode::unavailable) return tenant.error();
      for (const auto* kind : {"backup", "drill", "compaction", "repair", "scrub"}) {
        if (!tenant) break;
        auto job = last_job(**tenant, kind);
        if (!job) return job.error();
        const bool under_way = std::any_of(out.begin(), out.end(), [&](const CareJob& one) { return one.kind == kind; });
        if (job->state != CareState::none && !under_way) out.push_back(*std::move(job));
      }
    }
    std::sort(out.begin(), out.end(), [](const CareJob& a, const CareJob& b) { return a.queued_at > b.queued_at; });
    return out;
  }

  Result<std::vector<BackupRecord>> backups(const std::string& slug) override {
    auto folder = backup_folder(slug);
    if (!folder) return folder.error();
    auto records = list_backups(*folder, std::nullopt);
    if (records) std::reverse(records->begin(), records->end());
    return records;
  }

  void erased(Tenant& tenant) override {
    const auto& slug = tenant.facts().slug;
    if (auto folder = backup_folder(slug); folder) {
      std::error_code none;
      if (std::filesystem::exists(*folder, none)) {
        if (auto kept = update_backup_journal(care_.folder(slug), *folder); !kept) {
          spdlog::error("tenant {}: the backups were not told of an erasure ({}); the next backup tells them", slug, kept.error().message);
        }
      }
    }
    if (auto started = start_compaction(slug); !started) spdlog::debug("tenant {}: {}", slug, started.error().message);
  }

  void keep_schedule() override {
    auto known = tenants_.list();
    if (!known) return;
    for (const auto& facts : *known) {
      if (stop_.stop_requested()) return;
      if (!settings_.backup.folder.empty() && settings_.backup.every.count() > 0) start_when_due(facts.slug, "backup", settings_.backup.every);
      if (settings_.scrub.every.count() > 0) start_when_due(facts.slug, "scrub", settings_.scrub.every);
    }
  }

  void stop() override {
    stop_.request_stop();
    {
      const std::lock_guard lock(mutex_);
      for (auto& [name, live] : live_) live->stop.request_stop();
    }
    for (auto* thread : {&jobs_thread_, &scrub_thread_}) {
      thread->request_stop();
      if (thread->joinable()) thread->join();
    }
  }

 private:
  struct What {
    std::string kind, backup;
  };
  struct Live {
    std::string slug;
    CareJob job;
    std::uint64_t bytes_per_second = 0;
    std::stop_source stop;
    std::optional<ScrubReport> report;
  };
  using Queue = std::deque<std::shared_ptr<Live>>;

  Result<std::filesystem::path> backup_folder(const std::string& slug) const {
    if (settings_.backup.folder.empty()) return Error{ErrorCode::invalid, "no folder for backups is configured; set backup.folder in the configuration file"};
    if (!is_slug(slug)) return Error{ErrorCode::invalid, "this is not the name of a tenant"};
    return settings_.backup.folder / slug;
  }

  Result<CareJob> queue_for_backup(const std::string& kind, const std::string& slug, const std::string& backup) {
    auto known = backups(slug);
    if (!known) return known.error();
    if (known->empty()) return Error{ErrorCode::not_found, "there is no backup of '" + slug + "'"};
    const auto id = backup.empty() ? known->front().id : backup;
    const bool there = std::any_of(known->begin(), known->end(), [&](const BackupRecord& one) { return one.id == id; });
    if (!there) return Error{ErrorCode::not_found, "there is no complete backup " + id.substr(0, 40) + " of '" + slug + "'"};
    return queue(jobs_, slug, {kind, id}, 0);
  }

  Result<CareJob> queue(Queue& queue, const std::string& slug, What what, std::uint64_t bytes_per_second) {
    const std::lock_guard lock(mutex_);
    const std::pair name(slug, what.kind);
    if (live_.contains(name)) return Error{ErrorCode::conflict, "a " + what.kind + " of this tenant is queued or under way"};
    if (live_.size() >= kQueuedMax) return Error{ErrorCode::unavailable, "too much work of this kind is queued; try again later"};
    auto live = std::make_shared<Live>();
    live->slug = slug;
    live->job.kind = std::move(what.kind);
    live->job.backup = std::move(what.backup);
    live->job.state = CareState::queued;
    live->job.queued_at = clock_.now();
    live->bytes_per_second = bytes_per_second;
    live_[name] = live;
    queue.push_back(live);
    changed_.notify_all();
    return live->job;
  }

  void work(Queue& queue, std::stop_token stop) {
    step_back();
    while (true) {
      std::shared_ptr<Live> live;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return !queue.empty(); }) || stop.stop_requested()) return;
        live = queue.front();
        queue.pop_front();
        live->job.state = CareState::running;
        live->job.started_at = clock_.now();
      }
      auto done = act(*live);
      const std::lock_guard lock(mutex_);
      live->job.ended_at = clock_.now();
      if (!done) {
        live->job.error = done.error().message;
        const bool cancelled = done.error().code == ErrorCode::cancelled;  // an orderly stop of the daemon is one
        live->job.state = cancelled ? CareState::cancelled : CareState::failed;
        if (cancelled) spdlog::info("tenant {}: {}: {}", live->slug, live->job.kind, live->job.error);
        else spdlog::error("tenant {}: the {} failed: {}", live->slug, live->job.kind, live->job.error);
      } else {
        live->job.state = live->job.findings.empty() ? CareState::succeeded : CareState::findings;
        spdlog::info("tenant {}: {}: {}", live->slug, live->job.kind, live->job.text);
      }
      metrics_.count_care(live->job.kind, std::string(to_string(live->job.state)), live->job.bytes);
      if (live->report && live->report->complete) {
        damaged_[live->slug] = live->report->damaged;
        std::uint64_t damaged = 0;
        for (const auto& [slug, objects] : damaged_) damaged += objects;
        metrics_.set_damaged(damaged);
      }
      keep(*live);
      live_.erase({live->slug, live->job.kind});
    }
  }

  // Under the lock.
  void keep(const Live& live) {
    if (live.job.kind == "restore") {
      restored_[live.slug] = live.job;
      return;
    }
    auto tenant = tenants_.open(live.slug);
    if (!tenant) return;
    auto job = live.job;
    if (job.findings.size() > kFindingsKept) job.findings.resize(kFindingsKept);
    auto kept = (*tenant)->store().records().put(std::string(kKind), "job " + job.kind, encode(job));
    if (!kept) spdlog::error("tenant {}: what came of the {} could not be kept: {}", live.slug, job.kind, kept.error().message);
  }

  Result<void> act(Live& live) {
    if (live.job.kind == "restore") return restore(live);
    if (live.job.kind == "drill") return drill(live);
    auto tenant = tenants_.open(live.slug);
    if (!tenant) return tenant.error();
    if (live.job.kind == "scrub") return scrub(live, **tenant);
    if (live.job.kind == "compaction") return compact(live, **tenant);
    if (live.job.kind == "repair") return repair(live, **tenant);
    return back_up(live, **tenant);
  }

  std::function<void(const BackupProgress&)> progress_of(Live& live) {
    return [this, &live](const BackupProgress& progress) {
      const std::lock_guard lock(mutex_);
      live.job.bytes = progress.bytes;
      live.job.bytes_total = progress.bytes_total;
    };
  }

  Result<void> back_up(Live& live, Tenant& tenant) {
    auto folder = backup_folder(live.slug);
    if (!folder) return folder.error();
    auto attachment = care_.attachment(live.slug);
    if (!attachment) return attachment.error();
    BackupOptions options;
    options.folder = *folder;
    options.attachment = *attachment;
    options.bytes_per_second = live.bytes_per_second;
    options.keep = settings_.backup.keep;
    options.stop = live.stop.get_token();
    options.progress = progress_of(live);
    auto record = tenant.store().backup(options);
    if (!record) return record.error();
    const std::lock_guard lock(mutex_);
    live.job.backup = record->id;
    live.job.text = fmt::format("{} messages in {} files of {} bytes, {} of them new", record->messages, record->files, record->bytes, record->new_bytes);
    return {};
  }

  Result<void> repair(Live& live, Tenant& tenant) {
    auto folder = backup_folder(live.slug);
    if (!folder) return folder.error();
    auto done = tenant.store().repair(*folder, live.stop.get_token());
    if (!done) return done.error();
    if (!done->repaired.empty()) (void)start_scrub(live.slug, 0);
    const std::lock_guard lock(mutex_);
    live.job.text = fmt::format("{} damaged files were mended from the backups, and {} could not be", done->repaired.size(), done->lost.size());
    live.job.findings = std::move(done->lost);
    return {};
  }

  Result<void> compact(Live& live, Tenant& tenant) {
    const auto before = tenant.store().disk_bytes();
    if (auto done = tenant.store().compact(); !done) return done;
    // The index first drops what was erased, then rewrites itself.
    if (auto done = tenant.index().catch_up(live.stop.get_token()); !done) return done;
    if (auto done = tenant.index().compact(live.stop.get_token()); !done) return done;
    const auto after = tenant.store().disk_bytes();
    const std::lock_guard lock(mutex_);
    live.job.text = before && after ? fmt::format("the store had {} bytes and has {}", *before, *after) : "done";
    return {};
  }

  Result<void> load_scrub(Tenant& tenant, ScrubReport& report, std::optional<Time>& last_complete) {
    auto record = tenant.store().records().get(kKind, "scrub");
    if (!record) return record.error();
    if (!*record) return {};
    if (const auto object = parse((*record)->json)) report = decode_report(*object, last_complete);
    return {};
  }

  // A pass that was interrupted goes on where it stood, and keeps what it had found.
  Result<void> scrub(Live& live, Tenant& tenant) {
    ScrubReport before;
    std::optional<Time> last_complete;
    if (auto loaded = load_scrub(tenant, before, last_complete); !loaded) return loaded;
    if (before.position.empty()) before = {};
    const auto together = [&before](ScrubReport report) {
      report.files += before.files;
      report.file_bytes += before.file_bytes;
      report.unknown_files += before.unknown_files;
      report.messages += before.messages;
      report.copies += before.copies;
      report.copy_bytes += before.copy_bytes;
      report.damaged += before.damaged;
      report.findings.insert(report.findings.begin(), before.findings.begin(), before.findings.end());
      return report;
    };
    const auto save = [&](const ScrubReport& report) {
      return tenant.store().records().put(std::string(kKind), "scrub", encode(report, report.complete ? clock_.now() : last_complete));
    };
    auto saved_at = clock_.uptime();
    ScrubOptions options;
    options.position = before.position;
    options.bytes_per_second = live.bytes_per_second != 0 ? live.bytes_per_second : settings_.scrub.bytes_per_second;
    options.stop = live.stop.get_token();
    options.progress = [&](const ScrubReport& report) {
      auto all = together(report);
      const bool due = clock_.uptime() - saved_at > kSavePosition;
      if (due && !all.complete) {
        saved_at = clock_.uptime();
        (void)save(all);  // Only a convenience: without it the pass begins a little earlier.
      }
      const std::lock_guard lock(mutex_);
      live.job.bytes = all.file_bytes + all.copy_bytes;
      live.report = std::move(all);
    };
    auto report = tenant.store().scrub(options);
    if (!report) return report.error();
    const auto all = together(*std::move(report));
    if (auto kept = save(all); !kept) return kept;
    if (!all.complete) return Error{ErrorCode::cancelled, "the scrub was stopped; the next one goes on where it stood"};
    const std::lock_guard lock(mutex_);
    live.job.text = fmt::format("{} files of {} bytes and {} copies of {} bytes were read, {} objects are damaged", all.files, all.file_bytes, all.copies,
                                all.copy_bytes, all.damaged);
    for (const auto& finding : all.findings) {
      if (live.job.findings.size() < kFindingsKept) live.job.findings.push_back(finding.object + ": " + finding.problem);
    }
    return {};
  }

  Result<void> drill(Live& live) {
    auto folder = backup_folder(live.slug);
    if (!folder) return folder.error();
    auto key = care_.key(live.slug);
    if (!key) return key.error();
    auto done = drill_backup(*folder, live.job.backup, *key, settings_.data_dir / "drill" / live.slug, live.stop.get_token(), progress_of(live));
    if (!done) return done.error();
    const std::lock_guard lock(mutex_);
    live.job.text = done->text;
    live.job.findings = done->findings;
    return {};
  }

  Result<void> restore(Live& live) {
    auto folder = backup_folder(live.slug);
    if (!folder) return folder.error();
    auto records = list_backups(*folder, std::nullopt);
    if (!records) return records.error();
    const auto record = std::find_if(records->begin(), records->end(), [&](const BackupRecord& one) { return one.id == live.job.backup; });
    if (record == records->end()) return Error{ErrorCode::not_found, "the backup is gone"};
    RestoreOutcome outcome;
    auto done = care_.replace(live.slug, record->attachment, [&](const std::filesystem::path& store, const Secret& key) -> Result<void> {
      auto restored = restore_and_prove(*folder, live.job.backup, key, store, care_.folder(live.slug), live.stop.get_token(), progress_of(live));
      if (!restored) return restored.error();
      outcome = *std::move(restored);
      return {};
    });
    if (!done) return done;
    if (auto accepted = accept_restored(live); !accepted) return accepted;
    const std::lock_guard lock(mutex_);
    live.job.text = outcome.text;
    return {};
  }

  // The anchors outside still know the newer store. Restoring was asked for, by somebody the audit names, so it is accepted here, and the
  // log says so: else the tenant would take no mail.
  Result<void> accept_restored(const Live& live) {
    auto tenant = tenants_.open(live.slug);
    if (!tenant) return tenant.error();
    auto& evidence = (*tenant)->store().evidence();
    if (evidence.status().trouble.empty()) return {};
    return evidence.accept("restore", "backup " + live.job.backup + " was restored");
  }

  Result<CareJob> last_job(Tenant& tenant, const std::string& kind) {
    auto record = tenant.store().records().get(kKind, "job " + kind);
    if (!record) return record.error();
    CareJob job;
    job.kind = kind;
    if (*record) {
      if (const auto object = parse((*record)->json)) job = decode_job(*object);
    }
    return job;
  }

  void start_when_due(const std::string& slug, const std::string& kind, std::chrono::seconds every) {
    {
      const std::lock_guard lock(mutex_);
      if (live_.contains({slug, kind})) return;
      // To know what is due the tenant must be opened: not every five minutes.
      const auto known = due_.find({slug, kind});
      if (known != due_.end() && clock_.now() < known->second) return;
    }
    auto tenant = tenants_.open(slug);
    if (!tenant) return;
    auto job = last_job(**tenant, kind);
    if (!job) return;
    // A failed one is tried again after an hour; a stopped one goes on with the next round.
    const bool failed = job->state == CareState::failed;
    const auto wait = failed ? std::min<std::chrono::seconds>(every, std::chrono::hours(1)) : every;
    const bool again = job->state == CareState::cancelled;
    const auto due = job->ended_at && !again ? *job->ended_at + wait : clock_.now();
    if (clock_.now() >= due) {
      if (kind == "backup") (void)start_backup(slug);
      else (void)start_scrub(slug, 0);
    }
    const std::lock_guard lock(mutex_);
    due_[{slug, kind}] = std::max(due, clock_.now() + std::chrono::minutes(30));
  }

  Tenants& tenants_;
  TenantCare& care_;
  const Settings& settings_;
  Metrics& metrics_;
  Clock& clock_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Queue jobs_, scrubs_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Live>> live_;  // by tenant and kind
  std::map<std::pair<std::string, std::string>, Time> due_;
  std::map<std::string, CareJob> restored_;
  std::map<std::string, std::uint64_t> damaged_;  // objects, as of the last complete pass
  std::jthread jobs_thread_, scrub_thread_;
};

}  // namespace

std::string_view to_string(CareState state) {
  switch (state) {
    case CareState::none: return "none";
    case CareState::queued: return "queued";
    case CareState::running: return "running";
    case CareState::succeeded: return "succeeded";
    case CareState::findings: return "succeeded_with_findings";
    case CareState::failed: return "failed";
    case CareState::cancelled: return "cancelled";
  }
  return "none";
}

std::unique_ptr<CareService> make_care_service(Tenants& tenants, const Settings& settings, Metrics& metrics, Clock& clock) {
  return std::make_unique<Care>(tenants, settings, metrics, clock);
}

}  // namespace kopial
