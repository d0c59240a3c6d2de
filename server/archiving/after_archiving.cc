#include "server/archiving/after_archiving.h"

#include <fmt/format.h>

#include <mutex>

#include "connectors/mailbox_folders.h"
#include "connectors/source_actions.h"
#include "server/archiving/profiles.h"
#include "server/people/audit.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace {

constexpr std::uint64_t kShareCountsFrom = 20;  // Of fewer items any share may go.
constexpr std::uint64_t kRefusalsMax = 20;

class Planner final : public ListingSink {
 public:
  explicit Planner(const ActionContext& context) : context_(context), before_(context.clock.now() - context.profile.after_archiving.older_than) {}

  Result<void> page(const std::string&, std::vector<SourceItem> items, bool) override {
    const std::lock_guard lock(mutex_);
    for (auto& item : items) {
      // What is deleted already stays with its owner for the time that the source keeps it.
      if (is_deleted(item.folder)) continue;
      ++plan.listed;
      if (item.received >= before_) {
        ++plan.too_young;
        continue;
      }
      if (item.flagged && context_.profile.after_archiving.except_flagged) {
        ++plan.flagged;
        continue;
      }
      auto seen = context_.tenant.store().seen(context_.sink.key_of(item.id));
      if (!seen) return seen.error();
      if (!*seen) {
        ++plan.not_archived;
        continue;
      }
      // Where mail is moved to, it stays.
      if (context_.profile.after_archiving.action == AfterArchiving::Action::move && lies_in_target(item.folder)) continue;
      ++plan.would_go;
      if (plan.items.size() < kActionsAtOnce) plan.items.push_back(std::move(item));
    }
    return {};
  }

  ActionPlan plan;

 private:
  bool is_deleted(const std::string& folder) const {
    const auto& prefix = context_.mailbox.folder_prefix;
    return is_in_folder(folder, (prefix.empty() ? "" : prefix + "/") + std::string(kRecoverableItems));
  }
  bool lies_in_target(const std::string& folder) const {
    const auto& prefix = context_.mailbox.folder_prefix;
    const auto target = (prefix.empty() ? "" : prefix + "/") + context_.profile.after_archiving.move_to;
    return is_in_folder(folder, target);
  }
  const ActionContext& context_;
  const Time before_;
  std::mutex mutex_;
};

class Doer {
 public:
  Doer(const ActionContext& context, SourceActions& actions) : context_(context), actions_(actions) {}

  Result<ActionReport> run(const std::vector<SourceItem>& items) {
    for (const auto& item : items) {
      if (context_.stop.stop_requested()) break;
      auto safe = is_safe(item);
      if (!safe) return finish(safe.error());
      if (!*safe) continue;
      auto done = act(item);
      if (done) {
        ++report_.acted;
        continue;
      }
      if (done.error().code == ErrorCode::conflict) {
        ++report_.changed_meanwhile;  // The next run judges it anew.
        continue;
      }
      // Without the permission to write, and without the mailbox, each would be refused.
      if (done.error().code == ErrorCode::denied || done.error().code == ErrorCode::not_found || done.error().code == ErrorCode::cancelled || ++refused_ > kRefusalsMax) return finish(done.error());
      if (refused_ == 1) report_.findings.push_back("an item could not be removed at the source: " + done.error().message);
    }
    return finish({});
  }

 private:
  // Whether the archive has this item as it is at the source now, byte for byte readable.
  Result<bool> is_safe(const SourceItem& item) {
    auto seen = seen_of(item);
    if (!seen) return seen.error();
    if (!*seen) return false;
    if (item.version.empty()) return false;  // The act could not be made conditional.
    if (parse_item_state((*seen)->change_key).version != item.version) {
      // Changed since: read, flagged, or edited. What it is now is archived before anything else.
      if (auto done = context_.source.fetch(context_.mailbox, item, context_.sink, context_.stop); !done) return done.error();
      if (auto done = context_.sink.flush(); !done) return done.error();
      seen = seen_of(item);
      if (!seen) return seen.error();
      if (!*seen || parse_item_state((*seen)->change_key).version != item.version) return false;
      ++report_.archived_anew;
    }
    auto raw = context_.tenant.store().raw((*seen)->copy);
    if (!raw) return raw.error();  // A store that cannot give back what it has must not lose the original as well.
    return raw->has_value() && sha256(**raw) == (*seen)->copy;
  }

  Result<std::optional<SeenValue>> seen_of(const SourceItem& item) { return context_.tenant.store().seen(context_.sink.key_of(item.id)); }

  Result<void> act(const SourceItem& item) {
    const auto& wanted = context_.profile.after_archiving;
    if (wanted.action == AfterArchiving::Action::remove) {
      if (auto done = actions_.remove(context_.mailbox, item, context_.stop); !done) return done;
      return context_.sink.vanished(item.id, item.folder);
    }
    auto moved = actions_.move(context_.mailbox, item, wanted.move_to, context_.stop);
    if (!moved) return moved.error();
    // Of a well-known folder the path is not known here.
    const bool by_name = wanted.move_to.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos;
    if (moved->empty() || by_name) return context_.sink.vanished(item.id, item.folder);
    SourceItem there = item;
    there.id = *moved;
    there.version.clear();  // The move made a new one, which nobody has looked at.
    there.folder = target();
    return context_.sink.moved(item.id, there);
  }

  // As the archive has it.
  std::string target() const {
    const auto& prefix = context_.mailbox.folder_prefix;
    return prefix.empty() ? context_.profile.after_archiving.move_to : prefix + "/" + context_.profile.after_archiving.move_to;
  }

  Result<ActionReport> finish(const Result<void>& done) {
    if (auto flushed = context_.sink.flush(); !flushed) return flushed.error();
    if (report_.acted > 0) {
      auto noted = append_audit(context_.tenant, {context_.clock.now(), "", "kopial", fmt::format("source.{}", to_string(context_.profile.after_archiving.action)),
                                                  fmt::format("{}: {} archived messages", context_.mailbox.upn, report_.acted),
                                                  "profile " + context_.profile.name, "", ""});
      if (!noted) return noted.error();
    }
    if (!done) return done.error();
    if (report_.changed_meanwhile > 0) report_.findings.push_back(fmt::format("{} messages were changed at the source meanwhile and stay there", report_.changed_meanwhile));
    return report_;
  }

  const ActionContext& context_;
  SourceActions& actions_;
  ActionReport report_;
  std::uint64_t refused_ = 0;
};

}  // namespace

Result<ActionPlan> plan_after_archiving(const ActionContext& context) {
  Planner planner(context);
  auto listed = context.source.list(context.mailbox, planner, context.stop);
  if (!listed) return listed.error();
  auto plan = std::move(planner.plan);
  plan.gaps = listed->gaps;
  plan.stopped = plan.would_go >= kShareCountsFrom && plan.would_go * 100 > plan.listed * context.profile.after_archiving.share_max;
  return plan;
}

Result<ActionReport> act_after_archiving(const ActionContext& context) {
  ActionReport nothing;
  if (context.profile.after_archiving.action == AfterArchiving::Action::keep) return nothing;
  auto* actions = context.source.actions();
  if (actions == nullptr) {
    nothing.findings.emplace_back("this source can only be read: nothing was removed there");
    return nothing;
  }
  auto plan = plan_after_archiving(context);
  if (!plan) return plan.error();
  if (plan->stopped) {
    nothing.findings.push_back(fmt::format("nothing was removed at the source: {} of {} messages ({} %) would go, and after_archiving.share_max allows {} %; look at the preview, "
                                           "then raise it if that is meant",
                                           plan->would_go, plan->listed, plan->share(), context.profile.after_archiving.share_max));
    return nothing;
  }
  return Doer(context, *actions).run(plan->items);
}

}  // namespace kopial
