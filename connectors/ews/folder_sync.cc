#include "connectors/ews/folder_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "connectors/mailbox_folders.h"

namespace kopial::ews {
namespace {
constexpr std::size_t kMissingMax = 1000;
constexpr std::size_t kAskedAtOnce = 100;
}  // namespace

bool in_period(const EwsOptions& options, Time received) {
  return (!options.since || received >= *options.since) && (!options.until || received < *options.until);
}

Result<void> fetch_missing(PullContext& context, const std::string& path, FolderCursor& cursor) {
  if (cursor.missing.empty()) return {};
  const auto wanted = std::exchange(cursor.missing, {});
  context.sink.expected(wanted.size());
  Fetcher fetcher(context);
  for (const auto& missing : wanted) {
    Listed listed;
    listed.item.id = missing.id;
    listed.item.folder = path;
    listed.item.change_key = missing.change_key;
    listed.item.received = parse_rfc3339(missing.received).value_or(context.service.clock().now());
    listed.size = missing.size;
    ++context.seen;
    if (auto done = fetcher.fetch_later(std::move(listed)); !done) return done;
  }
  return fetcher.finish(cursor.missing);
}

Result<void> check_missing(const FolderCursor& cursor, const std::string& path) {
  if (cursor.missing.size() <= kMissingMax) return {};
  return Error{ErrorCode::unavailable, fmt::format("more than {} messages of folder {} could not be fetched", kMissingMax, path)};
}

Result<void> FolderSync::start_over() {
  if (listing_everything_) return Error{ErrorCode::unavailable, fmt::format("folder {}: the server loses its sync state again and again", path_)};
  context_.find(fmt::format("folder {}: the server lost the sync state; the whole folder was listed again", path_));
  listing_everything_ = true;
  listed_.clear();
  cursor_.state.clear();
  cursor_.finished = false;
  cursor_.comparing = true;
  return {};
}

Result<void> FolderSync::run() {
  auto saved = context_.sink.cursor(id_);
  if (!saved) return saved.error();
  cursor_ = decode_folder_cursor(*saved);
  listing_everything_ = cursor_.comparing;
  if (auto done = fetch_missing(context_, path_, cursor_); !done) return done;

  const auto ask = [&] { return context_.call(sync_folder_items(id_, cursor_.state, context_.service.options().changes_per_page)); };
  auto page = ask();
  while (true) {
    if (!page) return page.error();
    const auto& message = page->messages.front();
    if (message.is({"ErrorInvalidSyncStateData"}) && !cursor_.state.empty()) {
      if (auto done = start_over(); !done) return done;
      page = ask();
      continue;
    }
    if (message.is({"ErrorSyncFolderNotFound", "ErrorFolderNotFound", "ErrorItemNotFound"})) {
      if (auto done = close_items(context_.sink, path_, nullptr); !done) return done;
      return context_.sink.save_cursor(id_, "");
    }
    if (!message.ok()) {  // The folder stays where its cursor stands; the others go on.
      context_.gaps.with([&](auto& all) { all.push_back({path_, message.error().message}); });
      return {};
    }
    const bool last = message.node.child_text("IncludesLastItemInRange") != "false";
    auto state = message.node.child_text("SyncState");
    if (state.empty()) return Error{ErrorCode::unavailable, "Exchange ended a listing without saying where to go on"};
    if (!last && state == cursor_.state) return Error{ErrorCode::unavailable, "Exchange's listing goes in a circle"};

    Fetcher fetcher(context_);
    const auto here = std::move(*page);
    std::optional<Result<Answer>> following;
    const bool backfill = !cursor_.finished && !listing_everything_;
    auto taken = take_page(here.messages.front(), fetcher);
    // A first listing begins with the newest: what is older than `recent_since` is backfill.
    const bool pause = !last && backfill && backfill_is_over();
    cursor_.state = std::move(state);
    cursor_.finished = cursor_.finished || last;
    // The next page is asked for while this one's bytes come in.
    if (taken && !last && !pause) following.emplace(ask());
    auto arrived = fetcher.finish(cursor_.missing);
    if (!taken) return taken;
    if (!arrived) return arrived;
    if (auto done = check_missing(cursor_, path_); !done) return done;
    if (last && listing_everything_) {
      if (auto done = close_items(context_.sink, path_, &listed_); !done) return done;
    }
    if (last) cursor_.comparing = false;
    auto kept = cursor_;
    if (kept.comparing) kept.state.clear();
    if (auto done = context_.sink.save_cursor(id_, encode(kept)); !done) return done;
    if (pause) context_.unfinished = true;
    if (last || pause) return {};
    page = std::move(*following);
  }
}

bool FolderSync::backfill_is_over() const {
  const auto& options = context_.options;
  if (options.recent_since && (!oldest_ || *oldest_ >= *options.recent_since)) return false;
  return !options.backfill || (options.backfill_until && context_.service.clock().now() >= *options.backfill_until);
}

Result<void> FolderSync::take_page(const Message& page, Fetcher& fetcher) {
  const auto* changes = page.node.child("Changes");
  if (changes == nullptr) return {};
  std::vector<ItemRef> now_read;
  if (cursor_.finished) context_.sink.expected(changes->children.size());
  for (const auto& change : changes->children) {
    if (change.name == "Delete") {
      const auto* id = change.child("ItemId");
      if (id == nullptr) continue;
      const auto item = id->attribute("Id");
      listed_.erase(item);
      std::erase_if(cursor_.missing, [&](const auto& missing) { return missing.id == item; });
      if (auto done = context_.sink.vanished(item, path_); !done) return done;
      continue;
    }
    if (change.name == "ReadFlagChange") {  // Says nothing of the bytes, but mail may have waited for it.
      const auto* id = change.child("ItemId");
      if (id != nullptr && !context_.service.options().unread && change.child_text("IsRead") == "true") now_read.push_back({id->attribute("Id"), ""});
      continue;
    }
    if ((change.name != "Create" && change.name != "Update") || change.children.empty()) continue;
    if (auto done = take_item(change.children.front(), fetcher); !done) return done;
  }
  return take_read(now_read, fetcher);
}

Result<void> FolderSync::take_item(const Node& node, Fetcher& fetcher) {
  auto listed = read_listed(node, path_, context_.service.clock().now());
  if (listed.item.id.empty()) return {};
  if (listing_everything_) listed_.insert(listed.item.id);
  if (!oldest_ || listed.item.received < *oldest_) oldest_ = listed.item.received;
  if (!in_period(context_.service.options(), listed.item.received)) return {};
  if (listed.item.unread && !context_.service.options().unread) return {};
  return fetcher.take(std::move(listed));
}

// A change of the flag comes with nothing else, so what is needed to judge the items is asked for.
Result<void> FolderSync::take_read(const std::vector<ItemRef>& items, Fetcher& fetcher) {
  for (std::size_t at = 0; at < items.size(); at += kAskedAtOnce) {
    const auto some = std::span(items).subspan(at, std::min(kAskedAtOnce, items.size() - at));
    auto answer = context_.call(get_items(some, Shape::listed));
    if (!answer) return answer.error();
    for (const auto& message : answer->messages) {
      const auto* found = message.ok() ? message.node.child("Items") : nullptr;
      if (found == nullptr || found->children.empty()) continue;  // Gone since; the next round says so.
      if (auto done = take_item(found->children.front(), fetcher); !done) return done;
    }
  }
  return {};
}

}  // namespace kopial::ews
