#include "server/archiving/reconciliation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "server/archiving/completeness.h"

namespace kopial {
namespace {

constexpr std::size_t kArchivedPage = 1000;
constexpr std::size_t kReasonsMax = 500;
constexpr std::size_t kMissingAtOnce = 2000;

// A listed id as 128 bits of two hashes: mailboxes have millions of items, and ids of 150 bytes each.
struct IdHash {
  std::uint64_t a, b;
  bool operator==(const IdHash&) const = default;
};
struct Hashed {
  std::size_t operator()(const IdHash& id) const { return id.a; }
};
IdHash hash_of(const std::string& id) {
  std::uint64_t b = 1469598103934665603ull;  // FNV-1a, and the library's own.
  for (const unsigned char c : id) b = (b ^ c) * 1099511628211ull;
  return {std::hash<std::string>()(id), b};
}

class Reconciliation final : public ListingSink {
 public:
  Reconciliation(const ReconcileContext& context, const std::vector<SourceGap>& gaps) : context_(context) { statement_.gaps = gaps; }

  Result<CompletenessStatement> run() {
    record_.began_at = context_.clock.now();
    auto listed = context_.source.list(context_.mailbox, *this, context_.stop);
    if (!listed) return listed.error();
    record_.left_out_folders = listed->left_out;
    for (auto& gap : listed->gaps) add_gap(std::move(gap));
    if (auto done = fetch_missing(); !done) return done.error();
    if (auto done = close_what_is_gone(); !done) return done.error();
    if (auto done = context_.sink.flush(); !done) return done.error();
    return conclude();
  }

  Result<void> page(const std::string& folder, std::vector<SourceItem> items, bool last) override {
    const std::lock_guard lock(mutex_);
    auto& state = folders_[folder];
    state.whole = state.whole || last;
    for (auto& item : items) {
      if (!state.ids.insert(hash_of(item.id)).second) continue;  // Pages shift while mail comes: seen twice.
      ++statement_.at_source;
      if (auto done = judge(std::move(item)); !done) return done;
    }
    // A mailbox whose archive was lost misses everything: what waits is bounded.
    return missing_.size() < kMissingAtOnce ? Result<void>() : fetch_missing();
  }

 private:
  struct Folder {
    std::unordered_set<IdHash, Hashed> ids;
    bool whole = false;  // read to its end
  };

  Result<void> judge(SourceItem item) {
    auto seen = context_.tenant.store().seen(context_.sink.key_of(item.id));
    if (!seen) return seen.error();
    if (*seen) {
      ++statement_.archived;
      if ((*seen)->folder == item.folder) return {};
      return context_.sink.moved(item.id, item);  // No change list had told of the move.
    }
    auto why = context_.sink.quarantine_reason(item.id);
    if (!why) return why.error();
    if (*why) {
      ++statement_.quarantined;
      note(record_.quarantined, item, **why);
    } else if (item.unread && !context_.profile.unread) {
      ++statement_.unread_left_out;
    } else {
      missing_.push_back(std::move(item));
    }
    return {};
  }

  Result<void> fetch_missing() {
    const auto missing = std::exchange(missing_, {});
    for (const auto& item : missing) {
      if (context_.stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
      if (auto done = context_.source.fetch(context_.mailbox, item, context_.sink, context_.stop); !done) return done;
    }
    if (auto done = context_.sink.flush(); !done) return done;
    for (const auto& item : missing) {
      auto seen = context_.tenant.store().seen(context_.sink.key_of(item.id));
      if (!seen) return seen.error();
      if (*seen) {
        ++statement_.archived;
        ++statement_.found;
        continue;
      }
      auto why = context_.sink.quarantine_reason(item.id);
      if (!why) return why.error();
      if (*why) {
        ++statement_.quarantined;
        note(record_.quarantined, item, **why);
        continue;
      }
      auto still = context_.source.locate(context_.mailbox, item.id, context_.stop);
      if (still && !*still) {
        --statement_.at_source;  // It went while it was being looked at.
        continue;
      }
      if (!still && still.error().code == ErrorCode::cancelled) return still.error();
      ++statement_.not_archived;
      note(record_.not_archived, item, still ? "it could not be fetched" : still.error().message);
    }
    return {};
  }

  // What is archived as lying in a folder and is not listed there. A listing may miss an item; only the source's own word closes it.
  Result<void> close_what_is_gone() {
    auto paths = context_.tenant.store().folders(context_.archive);
    if (!paths) return paths.error();
    for (const auto& [path, count] : *paths) {
      if (!is_ours(path)) continue;
      const auto found = folders_.find(path);
      if (found != folders_.end() && !found->second.whole) continue;
      if (is_gap(path) || is_left_out(path)) continue;
      std::vector<std::string> unlisted;
      for (std::string after;;) {
        auto items = context_.sink.archived(path, after, kArchivedPage);
        if (!items) return items.error();
        for (const auto& item : *items) {
          if (found == folders_.end() || !found->second.ids.contains(hash_of(item))) unlisted.push_back(item);
        }
        if (items->size() < kArchivedPage) break;
        after = items->back();
      }
      for (const auto& id : unlisted) {
        auto there = context_.source.locate(context_.mailbox, id, context_.stop);
        if (!there) return there.error();
        if (!*there || (*there)->folder.empty()) {
          ++statement_.newly_vanished;
          if (auto done = context_.sink.vanished(id, path); !done) return done;
        } else if ((*there)->folder != path) {
          if (auto done = context_.sink.moved(id, **there); !done) return done;
        } else {
          ++statement_.at_source;  // The listing had missed it.
          ++statement_.archived;
        }
      }
    }
    return {};
  }

  Result<CompletenessStatement> conclude() {
    std::uint64_t open = 0, placed = 0;
    auto paths = context_.tenant.store().folders(context_.archive);
    if (!paths) return paths.error();
    for (const auto& [path, count] : *paths) {
      if (!is_ours(path)) continue;
      placed += count;
      for (std::string after;;) {
        auto items = context_.sink.archived(path, after, kArchivedPage);
        if (!items) return items.error();
        open += items->size();
        if (items->size() < kArchivedPage) break;
        after = items->back();
      }
    }
    statement_.vanished = placed > open ? placed - open : 0;
    for (const auto& [path, folder] : folders_) {
      if (!folder.whole && !is_gap(path)) add_gap({path, "its listing broke off"});
    }
    statement_.complete = statement_.gaps.empty() && statement_.not_archived == 0 &&
                          statement_.at_source == statement_.archived + statement_.quarantined + statement_.unread_left_out;
    record_.ended_at = context_.clock.now();
    if (statement_.found > 0) {
      statement_.findings.push_back(fmt::format("{} messages had been kept from us by the source's change list, and are archived now", statement_.found));
    }
    if (statement_.not_archived > 0) statement_.findings.push_back(fmt::format("{} messages at the source are not archived", statement_.not_archived));
    auto kept = keep_statement(context_, statement_, record_);
    if (!kept) return kept.error();
    return statement_;
  }

  void note(std::vector<NamedItem>& list, const SourceItem& item, const std::string& reason) {
    if (list.size() < kReasonsMax) list.push_back({item.id, item.folder, item.received, reason});
  }
  void add_gap(SourceGap gap) {
    if (!is_gap(gap.folder)) statement_.gaps.push_back(std::move(gap));
  }
  // An archive holds a mailbox and, below folders of their own, the further mailboxes of the same owner.
  bool is_ours(const std::string& path) const {
    const auto below = [&](std::string_view prefix) { return path == prefix || path.starts_with(std::string(prefix) + "/"); };
    return context_.mailbox.folder_prefix.empty() ? !below(kInPlaceArchive) : below(context_.mailbox.folder_prefix);
  }
  // Left out by the profile, perhaps only lately: what was archived of it before has not vanished by that.
  bool is_left_out(const std::string& path) const {
    return std::find(record_.left_out_folders.begin(), record_.left_out_folders.end(), path) != record_.left_out_folders.end();
  }
  bool is_gap(const std::string& path) const {
    return std::any_of(statement_.gaps.begin(), statement_.gaps.end(), [&](const SourceGap& gap) { return gap.folder == path; });
  }

  const ReconcileContext& context_;
  std::mutex mutex_;
  std::map<std::string, Folder> folders_;
  std::vector<SourceItem> missing_;
  CompletenessStatement statement_;
  StatementDetail record_;
};

}  // namespace

Result<CompletenessStatement> reconcile(const ReconcileContext& context, const std::vector<SourceGap>& gaps) {
  return Reconciliation(context, gaps).run();
}

}  // namespace kopial
