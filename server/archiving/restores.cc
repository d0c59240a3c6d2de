#include "server/archiving/restores.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "connectors/source_actions.h"
#include "server/archiving/profiles.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "restore";
constexpr std::size_t kAtOnce = 4, kErrorsMax = 50, kPage = 500, kMessagesMax = 1'000'000;
constexpr std::chrono::seconds kSaveEvery{5};

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::uint64_t number(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? static_cast<std::uint64_t>(value->get_int64()) : 0;
}

std::string encode(const RestoreView& view) {
  json::object lost;
  json::array errors;
  for (const auto& [what, count] : view.lost) lost[what] = count;
  for (const auto& one : view.errors) errors.push_back(json::string(one));
  return json::serialize(json::object{{"profile", view.profile}, {"mailbox", view.mailbox}, {"folder", view.folder}, {"username", view.username}, {"state", view.state},
                                      {"started_at", format_rfc3339(view.started_at)}, {"ended_at", view.ended_at ? format_rfc3339(*view.ended_at) : ""},
                                      {"total", view.total}, {"restored", view.restored}, {"failed", view.failed}, {"lost", std::move(lost)},
                                      {"errors", std::move(errors)}, {"error", view.error}});
}

Result<RestoreView> decode(const Record& record) {
  json::error_code bad;
  const auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of restore " + record.id + " cannot be read"};
  const auto& object = value.get_object();
  RestoreView view;
  view.id = record.id;
  view.profile = text(object, "profile");
  view.mailbox = text(object, "mailbox");
  view.folder = text(object, "folder");
  view.username = text(object, "username");
  view.state = text(object, "state");
  view.started_at = parse_rfc3339(text(object, "started_at")).value_or(Time{});
  view.ended_at = parse_rfc3339(text(object, "ended_at"));
  view.total = number(object, "total");
  view.restored = number(object, "restored");
  view.failed = number(object, "failed");
  view.error = text(object, "error");
  if (const auto* lost = object.if_contains("lost"); lost != nullptr && lost->is_object()) {
    for (const auto& [what, count] : lost->get_object()) view.lost[what] = count.is_int64() ? static_cast<std::uint64_t>(count.get_int64()) : 0;
  }
  if (const auto* errors = object.if_contains("errors"); errors != nullptr && errors->is_array()) {
    for (const auto& one : errors->get_array()) {
      if (one.is_string()) view.errors.emplace_back(one.get_string());
    }
  }
  return view;
}

bool lies_in(const std::string& path, const std::string& folder) { return folder.empty() || path == folder || path.starts_with(folder + "/"); }

// A message to put back, and the folder it goes to below the one that was asked for.
struct Piece {
  Serial serial{};
  std::string below;
};

class Job {
 public:
  Job(std::shared_ptr<Tenant> tenant, RestoreWanted wanted, SourceMailbox target, std::vector<Piece> pieces, RestoreView view, const RunEnvironment& environment)
      : tenant_(std::move(tenant)), wanted_(std::move(wanted)), target_(std::move(target)), pieces_(std::move(pieces)), environment_(environment), view_(std::move(view)) {
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }

  RestoreView view() const {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  bool ended() const { return ended_; }
  bool belongs_to(const Tenant& tenant) const { return tenant_->facts().slug == tenant.facts().slug; }
  void cancel() {
    cancelled_ = true;
    thread_.request_stop();
  }
  void interrupt() { thread_.request_stop(); }

 private:
  void run(std::stop_token stop) {
    auto done = put_back(stop);
    {
      const std::lock_guard lock(mutex_);
      view_.ended_at = environment_.clock.now();
      if (done) view_.state = view_.failed == 0 ? "succeeded" : view_.restored == 0 ? "failed" : "succeeded_with_findings";
      else view_.state = cancelled_ ? "cancelled" : "failed";
      if (!done) view_.error = done.error().message;
    }
    save();
    ended_ = true;
  }

  Result<void> put_back(std::stop_token stop) {
    auto profile = find_profile(*tenant_, wanted_.profile);
    if (!profile) return profile.error();
    if (!*profile) return Error{ErrorCode::not_found, "the profile does not exist any more"};
    auto opened = open_source(*tenant_, **profile, environment_);
    if (!opened) return opened.error();
    auto* actions = opened->source->actions();
    if (actions == nullptr) return Error{ErrorCode::invalid, "this source can only be read"};
    auto saved_at = environment_.clock.uptime();
    for (const auto& piece : pieces_) {
      if (stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
      auto done = put_back(piece, *actions, stop);
      // What would meet every other message as well ends it.
      if (!done && (done.error().code == ErrorCode::cancelled || done.error().code == ErrorCode::denied)) return done.error();
      {
        const std::lock_guard lock(mutex_);
        if (done) {
          ++view_.restored;
          for (const auto& lost : done->lost) ++view_.lost[lost];
        } else {
          ++view_.failed;
          if (view_.errors.size() < kErrorsMax) view_.errors.push_back(fmt::format("message {}: {}", to_number(piece.serial), done.error().message));
        }
      }
      if (environment_.clock.uptime() - saved_at >= kSaveEvery) {
        save();
        saved_at = environment_.clock.uptime();
      }
    }
    return {};
  }

  Result<Restored> put_back(const Piece& piece, SourceActions& actions, std::stop_token stop) {
    auto record = tenant_->store().message(piece.serial);
    if (!record) return record.error();
    if (!*record) return Error{ErrorCode::not_found, "it is not in the archive any more"};
    auto raw = tenant_->store().raw((*record)->copies.front());
    if (!raw) return raw.error();
    if (!*raw) return Error{ErrorCode::not_found, "its bytes are not in the archive any more"};
    auto placements = tenant_->store().placements(piece.serial);
    if (!placements) return placements.error();
    RestoreItem item;
    item.folder = piece.below.empty() ? wanted_.folder : wanted_.folder + "/" + piece.below;
    item.raw = **raw;
    item.received = (*record)->summary.date.value_or((*record)->archived_at);
    for (const auto& placement : *placements) {
      if (placement.archive != wanted_.from) continue;
      item.received = placement.received;
      item.unread = placement.unread;
      break;
    }
    return actions.restore(target_, item, stop);
  }

  void save() {
    auto kept = tenant_->store().records().put(std::string(kKind), view_.id, encode(view()));
    if (!kept) spdlog::error("restore {}: its state could not be kept: {}", view_.id, kept.error().message);
  }

  const std::shared_ptr<Tenant> tenant_;
  const RestoreWanted wanted_;
  const SourceMailbox target_;
  const std::vector<Piece> pieces_;
  const RunEnvironment& environment_;
  mutable std::mutex mutex_;
  RestoreView view_;
  std::atomic<bool> ended_ = false, cancelled_ = false;
  std::jthread thread_;
};

class Service final : public Restores {
 public:
  explicit Service(const RunEnvironment& environment) : environment_(environment) {}
  ~Service() override { stop(); }

  Result<SourceMailbox> target(Tenant& tenant, const std::string& profile_id, const std::string& mailbox) override {
    auto profile = find_profile(tenant, profile_id);
    if (!profile) return profile.error();
    if (!*profile) return Error{ErrorCode::invalid, "'profile' is not the id of a profile"};
    auto opened = open_source(tenant, **profile, environment_);
    if (!opened) return opened.error();
    if (opened->source->actions() == nullptr) return Error{ErrorCode::invalid, "this profile's source can only be read"};
    auto found = opened->source->mailbox(mailbox, {});
    if (!found) return found.error();
    return opened->source->identify(*found, {});
  }

  Result<RestoreView> start(std::shared_ptr<Tenant> tenant, const RestoreWanted& wanted, const SourceMailbox& target) override {
    auto pieces = pieces_of(*tenant, wanted);
    if (!pieces) return pieces.error();
    if (pieces->empty()) return Error{ErrorCode::invalid, "there is nothing to restore there"};
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::unavailable, "the server is stopping"};
    std::erase_if(jobs_, [](const auto& one) { return one.second->ended(); });
    if (jobs_.size() >= kAtOnce) return Error{ErrorCode::rate_limited, "several restores are under way; try again when one has ended"};
    RestoreView view;
    view.id = random_token();
    view.profile = wanted.profile;
    view.mailbox = target.upn.empty() ? target.id : target.upn;
    view.folder = wanted.folder;
    view.username = wanted.username;
    view.state = "running";
    view.started_at = environment_.clock.now();
    view.total = pieces->size();
    if (auto kept = tenant->store().records().put(std::string(kKind), view.id, encode(view), 0); !kept) return kept.error();
    jobs_[view.id] = std::make_unique<Job>(std::move(tenant), wanted, target, *std::move(pieces), view, environment_);
    return view;
  }

  Result<std::optional<RestoreView>> restore(Tenant& tenant, const std::string& id) override {
    if (auto live = live_view(tenant, id)) return live;
    auto record = tenant.store().records().get(kKind, id);
    if (!record) return record.error();
    if (!*record) return std::optional<RestoreView>();
    auto view = decode(**record);
    if (!view) return view.error();
    return std::optional(settled(*std::move(view)));
  }

  Result<std::vector<RestoreView>> list(Tenant& tenant, std::size_t limit) override {
    std::vector<RestoreView> all;
    for (std::string after;;) {
      auto listed = tenant.store().records().list(kKind, after, kPage);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        auto view = decode(record);
        if (!view) return view.error();
        auto live = live_view(tenant, record.id);
        all.push_back(live ? *std::move(live) : settled(*std::move(view)));
      }
      if (listed->size() < kPage) break;
      after = listed->back().id;
    }
    std::reverse(all.begin(), all.end());
    if (all.size() > limit) all.resize(limit);
    return all;
  }

  Result<void> cancel(Tenant& tenant, const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || !found->second->belongs_to(tenant) || found->second->ended()) return Error{ErrorCode::conflict, "this restore is over"};
    found->second->cancel();
    return {};
  }

  void stop() override {
    std::map<std::string, std::unique_ptr<Job>> jobs;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto& [id, job] : jobs_) job->interrupt();
      jobs = std::exchange(jobs_, {});
    }
    jobs.clear();  // Joins.
  }

 private:
  std::optional<RestoreView> live_view(const Tenant& tenant, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || !found->second->belongs_to(tenant)) return std::nullopt;
    return found->second->view();
  }
  // Running on disk and not here: the daemon was ended in the middle of it.
  static RestoreView settled(RestoreView view) {
    if (view.state != "running") return view;
    view.state = "failed";
    view.error = fmt::format("the server was restarted meanwhile; at least {} of {} messages were put back, and the rest was not", view.restored, view.total);
    return view;
  }

  static Result<std::vector<Piece>> pieces_of(Tenant& tenant, const RestoreWanted& wanted) {
    std::vector<Piece> pieces;
    for (const auto serial : wanted.messages) pieces.push_back({serial, ""});
    if (!wanted.messages.empty() || !wanted.archive_folder) return pieces;
    auto folders = tenant.store().folders(wanted.from);
    if (!folders) return folders.error();
    for (const auto& [path, count] : *folders) {
      if (!lies_in(path, *wanted.archive_folder)) continue;
      const auto below = wanted.archive_folder->empty() ? path : path == *wanted.archive_folder ? "" : path.substr(wanted.archive_folder->size() + 1);
      for (std::string after;;) {
        auto page = tenant.store().browse(wanted.from, path, after, kPage);
        if (!page) return page.error();
        for (const auto serial : page->serials) pieces.push_back({serial, below});
        if (pieces.size() > kMessagesMax) return Error{ErrorCode::too_large, "more than a million messages: restore folder by folder"};
        if (page->next.empty()) break;
        after = page->next;
      }
    }
    return pieces;
  }

  const RunEnvironment& environment_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Job>> jobs_;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<Restores> Restores::make(const RunEnvironment& environment) { return std::make_unique<Service>(environment); }

}  // namespace kopial
