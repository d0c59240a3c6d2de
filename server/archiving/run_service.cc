#include "server/archiving/run_service.h"

#include <algorithm>
#include <boost/json.hpp>
#include <deque>
#include <map>
#include <thread>

#include "server/archiving/after_archiving.h"
#include "server/archiving/blocked_times.h"
#include "server/archiving/cron.h"
#include "server/archiving/live_run.h"
#include "server/archiving/profile_run.h"
#include "server/archiving/profiles.h"
#include "server/archiving/restores.h"
#include "server/archiving/run_record.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::string_view kKind = "run", kProfileKind = "profile";
constexpr std::size_t kRunsAtOnce = 8;
constexpr std::size_t kKeptRuns = 500;  // of one tenant; older ones are forgotten
constexpr std::chrono::seconds kSaveEvery{10};
constexpr std::chrono::milliseconds kTick{500};

bool is_over(RunState state) { return state != RunState::queued && state != RunState::running; }

std::optional<Time> due_after(const ProfileSchedule& schedule, Time time) {
  if (schedule.every) return time + *schedule.every;
  if (schedule.cron.empty()) return std::nullopt;
  auto cron = Cron::parse(schedule.cron);
  return cron ? cron->next(time) : std::nullopt;
}

class Service final : public RunService {
 public:
  Service(Tenants& tenants, const Settings& settings, Metrics& metrics, Clock& clock)
      : tenants_(tenants), connections_(settings, clock), environment_{settings, metrics, clock, connections_} {}
  ~Service() override { stop(); }

  Result<Profile> create_profile(Tenant& tenant, Profile profile) override {
    auto made = create_profile_record(tenant, std::move(profile));
    if (made) schedule(tenant, *made);
    return made;
  }
  Result<Profile> update_profile(Tenant& tenant, Profile profile) override {
    auto kept = update_profile_record(tenant, std::move(profile));
    if (kept) schedule(tenant, *kept);
    return kept;
  }
  Result<std::vector<Profile>> profiles(Tenant& tenant) override { return list_profiles(tenant); }
  Result<std::optional<Profile>> profile(Tenant& tenant, const std::string& id) override { return find_profile(tenant, id); }
  Result<void> remove_profile(Tenant& tenant, const std::string& id) override {
    {
      const std::lock_guard lock(mutex_);
      if (live_of_profile(tenant.facts().slug, id)) return Error{ErrorCode::conflict, "a run of this profile is under way; cancel it first"};
      due_.erase({tenant.facts().slug, id});
    }
    return tenant.store().records().remove(std::string(kProfileKind), id);
  }

  Result<RunView> start(std::shared_ptr<Tenant> tenant, const std::string& id, const RunOptions& options) override {
    auto profile = find_profile(*tenant, id);
    if (!profile) return profile.error();
    if (!*profile) return Error{ErrorCode::not_found, "there is no such profile"};
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::unavailable, "the server is stopping"};
    if (const auto live = live_of_profile(tenant->facts().slug, id)) {
      return Error{ErrorCode::conflict, "run " + live->snapshot().id + " of this profile is under way"};
    }
    RunView view;
    view.id = random_token();
    view.profile = id;
    view.profile_name = (*profile)->name;
    view.queued_at = environment_.clock.now();
    view.options = options;
    auto kept = tenant->store().records().put(std::string(kKind), view.id, boost::json::serialize(run_view(view)), 0);
    if (!kept) return kept.error();
    return enqueue(std::move(tenant), std::move(view));
  }

  Result<std::vector<RunView>> runs(Tenant& tenant, const std::string& profile, std::size_t limit) override {
    std::vector<RunView> all;
    std::string after;
    while (true) {  // Bounded: older runs are forgotten.
      auto listed = tenant.store().records().list(kKind, after, 1000);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        auto run = decode_run(record);
        if (!run) return run.error();
        if (profile.empty() || run->profile == profile) all.push_back(*std::move(run));
      }
      if (listed->size() < 1000) break;
      after = listed->back().id;
    }
    std::reverse(all.begin(), all.end());
    if (all.size() > limit) all.resize(limit);
    for (auto& run : all) {
      if (const auto live = find_live(tenant, run.id)) run = live->snapshot();
    }
    return all;
  }

  Result<std::optional<RunView>> run(Tenant& tenant, const std::string& id) override {
    if (const auto live = find_live(tenant, id)) return std::optional(live->snapshot());
    auto record = tenant.store().records().get(kKind, id);
    if (!record) return record.error();
    if (!*record) return std::optional<RunView>();
    auto run = decode_run(**record);
    if (!run) return run.error();
    return std::optional(*std::move(run));
  }

  Result<void> cancel(Tenant& tenant, const std::string& id) override {
    const auto live = find_live(tenant, id);
    if (!live) {
      auto known = run(tenant, id);
      if (!known) return known.error();
      if (!*known) return Error{ErrorCode::not_found, "there is no such run"};
      return Error{ErrorCode::conflict, "this run is over"};
    }
    live->cancel();
    // One that waits has no thread that would end it.
    const std::lock_guard lock(mutex_);
    if (waiting_.erase(id) > 0) {
      live->change([&](RunView& view) {
        view.state = RunState::cancelled;
        view.paused = false;
        view.blocked_until.reset();
        view.ended_at = environment_.clock.now();
      });
      save(*live);
      live_.erase(id);
    }
    return {};
  }

  Result<void> pause(Tenant& tenant, const std::string& id) override {
    const auto live = find_live(tenant, id);
    if (!live) return Error{ErrorCode::conflict, "this run is over"};
    live->change([](RunView& view) { view.paused = true; });
    save(*live);
    live->interrupt();
    return {};
  }

  Result<void> go_on(Tenant& tenant, const std::string& id) override {
    const auto live = find_live(tenant, id);
    if (!live) return Error{ErrorCode::conflict, "this run is over"};
    const std::lock_guard lock(mutex_);
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end()) {
      if (live->snapshot().paused) return Error{ErrorCode::conflict, "this run is still on its way to a pause; try again in a moment"};
      return Error{ErrorCode::conflict, "this run is not paused"};
    }
    waiting_.erase(waiting);
    begin_again(live);
    return {};
  }

  Result<ActionPlan> preview(Tenant& tenant, const std::string& id, const std::string& name, std::stop_token stop) override {
    auto profile = find_profile(tenant, id);
    if (!profile) return profile.error();
    if (!*profile) return Error{ErrorCode::not_found, "there is no such profile"};
    auto opened = open_source(tenant, **profile, environment_);
    if (!opened) return opened.error();
    auto found = opened->source->mailbox(name, stop);
    if (!found) return found.error();
    auto mailbox = opened->source->identify(*found, stop);
    if (!mailbox) return mailbox.error();
    SinkCounts counts;
    StoreSink::Options options;
    options.profile = (*profile)->number;
    options.mailbox = mailbox->id;
    options.archive = [] { return Result<ArchiveId>(Error{ErrorCode::internal, "a preview archives nothing"}); };
    options.progressed = [] {};
    options.paused = [](const std::string&) {};
    StoreSink sink(tenant, std::move(options), counts, environment_.metrics, environment_.clock, stop);
    return plan_after_archiving({**profile, *mailbox, *opened->source, sink, tenant, environment_.clock, stop});
  }

  Restores& restores() override { return *restores_; }

  Result<RunView> wait_for_change(Tenant& tenant, const std::string& id, std::uint64_t revision, std::chrono::milliseconds wait,
                                  std::stop_token stop) override {
    if (const auto live = find_live(tenant, id)) return live->wait(revision, wait, stop);
    auto known = run(tenant, id);
    if (!known) return known.error();
    if (!*known) return Error{ErrorCode::not_found, "there is no such run"};
    return **known;
  }

  Result<void> resume() override {
    auto all = tenants_.list();
    if (!all) return all.error();
    scheduler_ = std::jthread([this, all = *all](std::stop_token stop) {
      for (const auto& facts : all) {
        if (stop.stop_requested()) return;
        auto tenant = tenants_.open(facts.slug);
        auto done = tenant ? resume_tenant(*tenant) : Result<void>(tenant.error());
        if (!done) spdlog::error("tenant {}: its runs and schedules could not be resumed: {}", facts.slug, done.error().message);
      }
      while (environment_.clock.wait_for(kTick, stop)) start_what_is_due();
    });
    return {};
  }

  void stop() override {
    if (scheduler_.joinable()) {
      scheduler_.request_stop();
      scheduler_.join();
    }
    std::map<std::string, Work> work;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      queue_.clear();
      waiting_.clear();
      for (auto& [id, one] : work_) one.run->interrupt();
      work = std::exchange(work_, {});
    }
    restores_->stop();
    work.clear();  // Joins.
  }

 private:
  struct Work {
    std::shared_ptr<LiveRun> run;
    std::shared_ptr<std::atomic<bool>> ended;  // set as the thread's last act, so that joining it does not wait
    std::jthread thread;
  };
  using ProfileKey = std::pair<std::string, std::string>;  // slug, profile

  void schedule(const Tenant& tenant, const Profile& profile) {
    const std::lock_guard lock(mutex_);
    const ProfileKey key{tenant.facts().slug, profile.id};
    due_.erase(key);
    if (profile.paused) return;
    if (const auto due = due_after(profile.schedule, environment_.clock.now())) due_[key] = {*due, profile.schedule};
  }

  std::shared_ptr<LiveRun> find_live(const Tenant& tenant, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = live_.find(id);
    if (found == live_.end() || found->second->tenant()->facts().slug != tenant.facts().slug) return nullptr;
    return found->second;
  }
  std::shared_ptr<LiveRun> live_of_profile(const std::string& slug, const std::string& profile) {
    for (const auto& [id, run] : live_) {
      if (run->tenant()->facts().slug == slug && run->snapshot().profile == profile) return run;
    }
    return nullptr;
  }

  // Under the lock.
  RunView enqueue(std::shared_ptr<Tenant> tenant, RunView view) {
    const auto id = view.id;
    auto run = std::make_shared<LiveRun>(std::move(tenant), view, environment_.clock);
    live_[id] = run;
    if (view.paused) waiting_[id] = Time::max();
    else queue_.push_back(run);
    start_queued();
    return run->snapshot();
  }

  // Under the lock. A run that was interrupted has used up its stop source: another object goes on with it.
  void begin_again(const std::shared_ptr<LiveRun>& run) {
    auto view = run->snapshot();
    view.paused = false;
    view.blocked_until.reset();
    enqueue(run->tenant(), std::move(view));
  }

  // When the profile's blocked times allow a run to work; nullopt: now.
  std::optional<Time> blocked_until(const Profile& profile) const {
    if (profile.schedule.blocked.empty()) return std::nullopt;
    auto blocked = BlockedTimes::parse(profile.schedule.blocked);
    const auto now = environment_.clock.now();
    if (!blocked || !blocked->contains(now)) return std::nullopt;
    return blocked->free_from(now);
  }

  void start_queued() {
    // Threads that have ended are joined here: nobody else waits for them.
    std::erase_if(work_, [](const auto& one) { return one.second.ended->load(); });
    while (!stopping_ && !queue_.empty() && work_.size() < kRunsAtOnce) {
      auto run = queue_.front();
      queue_.pop_front();
      const auto id = run->snapshot().id;
      auto& work = work_[id];
      work.run = run;
      work.ended = std::make_shared<std::atomic<bool>>(false);
      work.thread = std::jthread([this, run, ended = work.ended] {
        execute(*run);
        *ended = true;
      });
    }
    environment_.metrics.set_running(work_.size());
  }

  void save(LiveRun& run) {
    const auto view = run.snapshot();
    auto kept = run.tenant()->store().records().put(std::string(kKind), view.id, boost::json::serialize(run_view(view)));
    if (!kept) spdlog::error("run {}: its state could not be kept: {}", view.id, kept.error().message);
  }

  void execute(LiveRun& run) {
    const auto begun = run.snapshot();
    const auto& slug = run.tenant()->facts().slug;
    run.change([&](RunView& view) {
      view.state = RunState::running;
      if (!view.started_at) view.started_at = environment_.clock.now();
    });
    save(run);
    spdlog::info("tenant {}: run {} of profile '{}' begins", slug, begun.id, begun.profile_name);
    Result<void> done;
    {
      std::jthread saver([&](std::stop_token stop) {
        while (environment_.clock.wait_for(kSaveEvery, stop)) save(run);
      });
      auto profile = find_profile(*run.tenant(), begun.profile);
      if (!profile) done = profile.error();
      else if (!*profile) done = Error{ErrorCode::not_found, "the profile was removed"};
      else if (const auto until = blocked_until(**profile)) {
        run.change([&](RunView& view) { view.blocked_until = until; });
        done = Error{ErrorCode::cancelled, "blocked"};
      } else {
        // A run that is under way when a blocked time begins stops at a safe point.
        std::jthread watch;
        if (!(*profile)->schedule.blocked.empty()) {
          watch = std::jthread([&](std::stop_token stop) {
            while (environment_.clock.wait_for(kTick, stop)) {
              const auto end = blocked_until(**profile);
              if (!end) continue;
              run.change([&](RunView& view) { view.blocked_until = end; });
              run.interrupt();
              return;
            }
          });
        }
        done = run_profile(**profile, run, environment_);
      }
    }
    const bool interrupted = !done && done.error().code == ErrorCode::cancelled && !run.cancelled();
    if (interrupted) {  // Stays "running" on disk: the next start goes on with it.
      save(run);
      const auto view = run.snapshot();
      const std::lock_guard lock(mutex_);
      if (stopping_ || !live_.contains(begun.id)) return;
      if (view.paused) waiting_[begun.id] = Time::max();
      else if (view.blocked_until) waiting_[begun.id] = *view.blocked_until;
      return;
    }
    const auto view = run.snapshot();
    auto state = RunState::succeeded;
    std::string error;
    if (run.cancelled()) state = RunState::cancelled;
    else if (!done) {
      state = RunState::failed;
      error = done.error().message;
    } else if (std::any_of(view.mailboxes.begin(), view.mailboxes.end(), [](const auto& one) {
                 return one.state == "failed" || one.failed > 0 || one.quarantined > 0 || !one.findings.empty() || one.complete == false;
               })) {
      state = RunState::succeeded_with_findings;
    }
    const bool all_failed = !view.mailboxes.empty() && std::all_of(view.mailboxes.begin(), view.mailboxes.end(), [](const auto& one) { return one.state == "failed"; });
    if (all_failed && state == RunState::succeeded_with_findings) state = RunState::failed;
    run.change([&](RunView& one) {
      one.state = state;
      one.error = error;
      one.paused = false;
      one.blocked_until.reset();
      one.ended_at = environment_.clock.now();
    });
    save(run);
    environment_.metrics.count_run(std::string(to_string(state)));
    spdlog::info("tenant {}: run {} of profile '{}' ended: {}{}{}", slug, begun.id, begun.profile_name, to_string(state), error.empty() ? "" : ": ", error);
    forget_old(*run.tenant());
    const std::lock_guard lock(mutex_);
    live_.erase(begun.id);
  }

  static void forget_old(Tenant& tenant) {
    auto listed = tenant.store().records().list(kKind, "", 1000);  // Oldest first.
    if (!listed || listed->size() <= kKeptRuns) return;
    std::vector<RecordWrite> writes;
    for (std::size_t i = 0; i + kKeptRuns < listed->size(); ++i) writes.push_back({std::string(kKind), (*listed)[i].id, std::nullopt, std::nullopt});
    if (auto done = tenant.store().records().write(std::move(writes)); !done) spdlog::warn("old runs could not be forgotten: {}", done.error().message);
  }

  Result<void> resume_tenant(const std::shared_ptr<Tenant>& tenant) {
    auto profiles = list_profiles(*tenant);
    if (!profiles) return profiles.error();
    for (const auto& profile : *profiles) schedule(*tenant, profile);
    auto known = runs(*tenant, "", kKeptRuns);
    if (!known) return known.error();
    std::unique_lock lock(mutex_);
    for (auto run = known->rbegin(); run != known->rend(); ++run) {
      if (is_over(run->state) || live_.contains(run->id)) continue;
      spdlog::info("tenant {}: run {} goes on after a restart", tenant->facts().slug, run->id);
      enqueue(tenant, *run);
    }
    lock.unlock();
    return restores_->resume(tenant);
  }

  void start_what_is_due() {
    std::vector<ProfileKey> due;
    {
      const std::lock_guard lock(mutex_);
      const auto now = environment_.clock.now();
      for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
        if (waiting->second > now) {
          ++waiting;
          continue;
        }
        const auto run = live_.find(waiting->first);
        waiting = waiting_.erase(waiting);
        if (run != live_.end()) begin_again(run->second);
      }
      start_queued();
      for (auto& [key, one] : due_) {
        if (one.at > now) continue;
        one.at = due_after(one.schedule, now).value_or(Time::max());
        if (!live_of_profile(key.first, key.second)) due.push_back(key);
      }
    }
    for (const auto& [slug, profile] : due) {
      auto tenant = tenants_.open(slug);
      auto begun = tenant ? start(*tenant, profile, {}) : Result<RunView>(tenant.error());
      if (begun || begun.error().code == ErrorCode::conflict) continue;
      spdlog::error("tenant {}: the scheduled run of profile {} could not begin: {}", slug, profile, begun.error().message);
      if (begun.error().code == ErrorCode::not_found) {
        const std::lock_guard lock(mutex_);
        due_.erase({slug, profile});  // The tenant or the profile is gone.
      }
    }
  }

  struct Due {
    Time at;
    ProfileSchedule schedule;
  };
  Tenants& tenants_;
  Connections connections_;
  const RunEnvironment environment_;
  const std::unique_ptr<Restores> restores_ = Restores::make(environment_);
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<LiveRun>> live_;  // queued and running, by id
  std::deque<std::shared_ptr<LiveRun>> queue_;
  std::map<std::string, Time> waiting_;  // runs that hold their place until then: paused (for good), or blocked
  std::map<std::string, Work> work_;
  std::map<ProfileKey, Due> due_;
  bool stopping_ = false;
  std::jthread scheduler_;
};

}  // namespace

std::unique_ptr<RunService> make_run_service(Tenants& tenants, const Settings& settings, Metrics& metrics, Clock& clock) {
  return std::make_unique<Service>(tenants, settings, metrics, clock);
}

}  // namespace kopial
