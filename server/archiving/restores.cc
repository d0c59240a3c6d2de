#include "server/archiving/restores.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "connectors/source_actions.h"
#include "server/archiving/profiles.h"
#include "storage/base/json_fields.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "restore";
constexpr std::size_t kAtOnce = 4, kErrorsMax = 50, kPage = 500, kMessagesMax = 1'000'000;

// A message to put back, and the folder it goes to below the one that was asked for.
struct Piece {
  Serial serial{};
  std::string below;
  auto operator<=>(const Piece&) const = default;
};

// What is kept of a restore. `last` and `until` say where it goes on: pieces have an order that what comes to the archive does not change.
struct Kept {
  RestoreView view;
  RestoreWanted wanted;
  std::string target_id, target_name;
  Serial until{};             // newer messages were not asked for
  std::optional<Piece> last;  // the last one that was dealt with
};

std::string encode(const Kept& kept) {
  const auto& view = kept.view;
  json::object lost;
  json::array errors, messages;
  for (const auto& [what, count] : view.lost) lost[what] = count;
  for (const auto& one : view.errors) errors.push_back(json::string(one));
  for (const auto serial : kept.wanted.messages) messages.push_back(to_number(serial));
  return json::serialize(json::object{{"profile", view.profile}, {"mailbox", view.mailbox}, {"folder", view.folder}, {"username", view.username}, {"state", view.state},
                                      {"started_at", format_rfc3339(view.started_at)}, {"ended_at", view.ended_at ? format_rfc3339(*view.ended_at) : ""},
                                      {"total", view.total}, {"restored", view.restored}, {"failed", view.failed}, {"lost", std::move(lost)},
                                      {"errors", std::move(errors)}, {"error", view.error},
                                      {"from", to_number(kept.wanted.from)}, {"messages", std::move(messages)},
                                      {"archive_folder", kept.wanted.archive_folder ? json::value(*kept.wanted.archive_folder) : json::value(nullptr)},
                                      {"user_id", kept.wanted.user_id}, {"target_id", kept.target_id}, {"target_name", kept.target_name},
                                      {"until", to_number(kept.until)}, {"last", kept.last ? to_number(kept.last->serial) : 0},
                                      {"last_below", kept.last ? kept.last->below : ""}});
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

Result<Kept> decode_kept(const Record& record) {
  auto view = decode(record);
  if (!view) return view.error();
  Kept kept;
  kept.view = *std::move(view);
  const auto value = json::parse(record.json);  // decode has read it.
  const auto& object = value.get_object();
  kept.wanted.profile = kept.view.profile;
  kept.wanted.mailbox = kept.view.mailbox;
  kept.wanted.folder = kept.view.folder;
  kept.wanted.username = kept.view.username;
  kept.wanted.user_id = text(object, "user_id");
  kept.wanted.from = ArchiveId{static_cast<std::uint32_t>(number(object, "from"))};
  if (const auto* messages = object.if_contains("messages"); messages != nullptr && messages->is_array()) {
    for (const auto& one : messages->get_array()) {
      if (one.is_int64()) kept.wanted.messages.push_back(Serial{static_cast<std::uint64_t>(one.get_int64())});
    }
  }
  if (const auto* folder = object.if_contains("archive_folder"); folder != nullptr && folder->is_string()) kept.wanted.archive_folder = std::string(folder->get_string());
  kept.target_id = text(object, "target_id");
  kept.target_name = text(object, "target_name");
  kept.until = Serial{number(object, "until")};
  if (const auto last = number(object, "last"); last > 0) kept.last = Piece{Serial{last}, text(object, "last_below")};
  return kept;
}

bool lies_in(const std::string& path, const std::string& folder) { return folder.empty() || path == folder || path.starts_with(folder + "/"); }

class Job {
 public:
  // `pieces` in their order; `again`: the first of them may be back already.
  Job(std::shared_ptr<Tenant> tenant, Kept kept, std::vector<Piece> pieces, bool again, const RunEnvironment& environment)
      : tenant_(std::move(tenant)), pieces_(std::move(pieces)), again_(again), environment_(environment), kept_(std::move(kept)) {
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }

  RestoreView view() const {
    const std::lock_guard lock(mutex_);
    return kept_.view;
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
    auto done = put_all_back(stop);
    const bool interrupted = !done && done.error().code == ErrorCode::cancelled && !cancelled_;
    if (!interrupted) {  // Else it stays "running" on disk: the next start goes on with it.
      const std::lock_guard lock(mutex_);
      auto& view = kept_.view;
      view.ended_at = environment_.clock.now();
      if (done) view.state = view.failed == 0 ? "succeeded" : view.restored == 0 ? "failed" : "succeeded_with_findings";
      else view.state = cancelled_ ? "cancelled" : "failed";
      if (!done) view.error = done.error().message;
    }
    if (auto saved = save(); !saved) spdlog::error("restore {}: its state could not be kept: {}", view().id, saved.error().message);
    ended_ = true;
  }

  Result<void> put_all_back(std::stop_token stop) {
    auto profile = find_profile(*tenant_, kept_.wanted.profile);
    if (!profile) return profile.error();
    if (!*profile) return Error{ErrorCode::not_found, "the profile does not exist any more"};
    auto opened = open_source(*tenant_, **profile, environment_);
    if (!opened) return opened.error();
    auto* actions = opened->source->actions();
    if (actions == nullptr) return Error{ErrorCode::invalid, "this source can only be read"};
    // The mailbox that access was decided for; some sources know it by its id, others by its address.
    auto target = opened->source->mailbox(kept_.target_id, stop);
    if (!target && target.error().code == ErrorCode::not_found) target = opened->source->mailbox(kept_.target_name, stop);
    if (target) target = opened->source->identify(*target, stop);
    if (!target) return target.error();
    if (target->id != kept_.target_id) return Error{ErrorCode::conflict, "the name " + kept_.target_name + " belongs to another mailbox now"};
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      if (stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
      auto done = put_back(pieces_[i], *target, i == 0 && again_, *actions, stop);
      // What would meet every other message as well ends it.
      if (!done && (done.error().code == ErrorCode::cancelled || done.error().code == ErrorCode::denied)) return done.error();
      {
        const std::lock_guard lock(mutex_);
        auto& view = kept_.view;
        if (done) {
          ++view.restored;
          for (const auto& lost : done->lost) ++view.lost[lost];
        } else {
          ++view.failed;
          if (view.errors.size() < kErrorsMax) view.errors.push_back(fmt::format("message {}: {}", to_number(pieces_[i].serial), done.error().message));
        }
        kept_.last = pieces_[i];
      }
      // After each, so that a restart has doubts about one message only.
      if (auto saved = save(); !saved) return saved;
    }
    return {};
  }

  Result<Restored> put_back(const Piece& piece, const SourceMailbox& target, bool again, SourceActions& actions, std::stop_token stop) {
    auto record = tenant_->store().message(piece.serial);
    if (!record) return record.error();
    if (!*record) return Error{ErrorCode::not_found, "it is not in the archive any more"};
    auto raw = tenant_->store().raw((*record)->copies.front());
    if (!raw) return raw.error();
    if (!*raw) return Error{ErrorCode::not_found, "its bytes are not in the archive any more"};
    auto placements = tenant_->store().placements(piece.serial);
    if (!placements) return placements.error();
    RestoreItem item;
    item.folder = piece.below.empty() ? kept_.wanted.folder : kept_.wanted.folder + "/" + piece.below;
    item.raw = **raw;
    item.received = (*record)->summary.date.value_or((*record)->archived_at);
    for (const auto& placement : *placements) {
      if (placement.archive != kept_.wanted.from) continue;
      item.received = placement.received;
      item.unread = placement.unread;
      break;
    }
    item.marker = fmt::format("{}/{}", kept_.view.id, to_number(piece.serial));
    item.again = again;
    return actions.restore(target, item, stop);
  }

  Result<void> save() {
    std::string text;
    {
      const std::lock_guard lock(mutex_);
      text = encode(kept_);
    }
    return tenant_->store().records().put(std::string(kKind), kept_.view.id, std::move(text));
  }

  const std::shared_ptr<Tenant> tenant_;
  const std::vector<Piece> pieces_;
  const bool again_;
  const RunEnvironment& environment_;
  mutable std::mutex mutex_;  // of the view and of `last`; the rest does not change
  Kept kept_;
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
    Kept kept;
    auto& view = kept.view;
    view.id = random_token();
    view.profile = wanted.profile;
    view.mailbox = target.upn.empty() ? target.id : target.upn;
    view.folder = wanted.folder;
    view.username = wanted.username;
    view.state = "running";
    view.started_at = environment_.clock.now();
    view.total = pieces->size();
    kept.wanted = wanted;
    kept.target_id = target.id;
    kept.target_name = view.mailbox;
    kept.until = pieces->back().serial;
    if (auto saved = tenant->store().records().put(std::string(kKind), view.id, encode(kept), 0); !saved) return saved.error();
    auto shown = view;
    jobs_[shown.id] = std::make_unique<Job>(std::move(tenant), std::move(kept), *std::move(pieces), false, environment_);
    return shown;
  }

  Result<void> resume(const std::shared_ptr<Tenant>& tenant) override {
    for (std::string after;;) {
      auto listed = tenant->store().records().list(kKind, after, kPage);
      if (!listed) return listed.error();
      for (const auto& record : *listed) {
        auto kept = decode_kept(record);
        if (!kept) return kept.error();
        if (kept->view.state != "running") continue;
        auto pieces = pieces_of(*tenant, kept->wanted);
        if (!pieces) return pieces.error();
        std::erase_if(*pieces, [&](const Piece& piece) { return piece.serial > kept->until || (kept->last && piece <= *kept->last); });
        spdlog::info("tenant {}: restore {} goes on after a restart", tenant->facts().slug, record.id);
        const std::lock_guard lock(mutex_);
        if (stopping_ || jobs_.contains(record.id)) continue;
        jobs_[record.id] = std::make_unique<Job>(tenant, *std::move(kept), *std::move(pieces), true, environment_);
      }
      if (listed->size() < kPage) return {};
      after = listed->back().id;
    }
  }

  Result<std::optional<RestoreView>> restore(Tenant& tenant, const std::string& id) override {
    if (auto live = live_view(tenant, id)) return live;
    auto record = tenant.store().records().get(kKind, id);
    if (!record) return record.error();
    if (!*record) return std::optional<RestoreView>();
    auto view = decode(**record);
    if (!view) return view.error();
    return std::optional(*std::move(view));
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
        all.push_back(live ? *std::move(live) : *std::move(view));
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
  // In their order.
  static Result<std::vector<Piece>> pieces_of(Tenant& tenant, const RestoreWanted& wanted) {
    std::vector<Piece> pieces;
    for (const auto serial : wanted.messages) pieces.push_back({serial, ""});
    std::sort(pieces.begin(), pieces.end());
    pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
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
    std::sort(pieces.begin(), pieces.end());
    pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
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
