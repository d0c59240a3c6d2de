#include "connectors/graph/folder_pull.h"

#include <fmt/format.h>

#include <set>

#include "connectors/http/url.h"
#include "connectors/mailbox_folders.h"
#include "storage/base/log.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

constexpr std::size_t kMissingMax = 1000;

}  // namespace

std::string FolderPull::first_link() const {
  return context_.url + "/mailFolders/" + percent_encode(id_) + "/messages/delta?$select=" + std::string(kItemFields);
}

bool FolderPull::in_period(Time received) const {
  const auto& options = context_.service.options();
  return (!options.since || received >= *options.since) && (!options.until || received < *options.until);
}

Result<void> FolderPull::run() {
  auto saved = context_.sink.cursor(id_);
  if (!saved) return saved.error();
  cursor_ = decode_folder_cursor(*saved);
  listing_everything_ = cursor_.comparing;
  if (cursor_.link.empty()) cursor_.link = first_link();
  if (auto done = fetch_missing(); !done) return done;
  if (!cursor_.finished) {
    if (context_.options.recent_since) {
      if (auto done = take_recent(); !done) return done;
    }
    if (backfill_is_over()) {
      context_.unfinished = true;
      return {};
    }
  }

  const auto ask = [&](const std::string& link) {
    return context_.service.call({.url = link, .mailbox = context_.mailbox, .page_size = context_.service.options().page_size},
                                 context_.stop, &context_.requests);
  };
  auto page = ask(cursor_.link);
  while (true) {
    if (!page) return page.error();
    if (page->is_sync_reset()) {
      if (auto done = start_over("the service lost the sync state"); !done) return done;
      page = ask(cursor_.link);
      continue;
    }
    if (page->is_folder_gone()) {
      if (auto done = close_items(context_.sink, path_, nullptr); !done) return done;
      return context_.sink.save_cursor(id_, "");
    }
    if (page->is_mailbox_gone()) return page->error();
    if (!page->ok()) return leave_gap(page->error());

    Group group;
    auto taken = take_page(page->json, group);
    const auto next = text(page->json, "@odata.nextLink"), delta = text(page->json, "@odata.deltaLink");
    const auto before = cursor_.link;
    const bool pause = !next.empty() && !cursor_.finished && !listing_everything_ && backfill_is_over();
    std::optional<Result<Answer>> following;
    // The next page is asked for while this one's bytes come in.
    if (taken && !pause && !next.empty() && next != before) following.emplace(ask(next));
    auto arrived = wait_for(group);
    if (!taken) return taken;
    if (!arrived) return arrived;
    cursor_.missing.insert(cursor_.missing.end(), group.missing.begin(), group.missing.end());
    if (cursor_.missing.size() > kMissingMax) {
      return Error{ErrorCode::unavailable, fmt::format("more than {} messages of folder {} could not be fetched", kMissingMax, path_)};
    }
    if (next.empty() && delta.empty()) return Error{ErrorCode::unavailable, "Graph ended a listing without saying where to go on"};
    if (!next.empty() && next == before) return Error{ErrorCode::unavailable, "Graph's listing goes in a circle"};
    if (next.empty() && listing_everything_) {
      if (auto done = close_items(context_.sink, path_, &listed_); !done) return done;
    }
    cursor_.link = next.empty() ? delta : next;
    cursor_.finished = next.empty();
    if (cursor_.finished) cursor_.comparing = false;
    auto kept = cursor_;
    if (kept.comparing) kept.link.clear();  // Cut off here, the comparison begins again: only a whole listing says what has vanished.
    if (auto done = context_.sink.save_cursor(id_, encode(kept)); !done) return done;
    if (pause) context_.unfinished = true;
    if (next.empty() || pause) return {};
    page = std::move(*following);
  }
}

bool FolderPull::backfill_is_over() const {
  const auto& options = context_.options;
  return !options.backfill || (options.backfill_until && context_.service.clock().now() >= *options.backfill_until);
}

// The folder stays where its cursor stands; the others go on.
Result<void> FolderPull::leave_gap(const Error& error) {
  context_.gaps.with([&](auto& all) { all.push_back({path_, error.message}); });
  return {};
}

// What arrived lately, before a first listing that may take days. The listing meets it again, and finds it archived.
Result<void> FolderPull::take_recent() {
  std::string link = fmt::format("{}/mailFolders/{}/messages?$select={}&$filter=receivedDateTime%20ge%20{}&$orderby=receivedDateTime%20desc&$top={}", context_.url,
                                 percent_encode(id_), kItemFields, format_rfc3339(*context_.options.recent_since), context_.service.options().page_size);
  while (!link.empty()) {
    auto page = context_.service.call({.url = link, .mailbox = context_.mailbox, .page_size = context_.service.options().page_size, .page_in_url = true},
                                      context_.stop, &context_.requests);
    if (!page) return page.error();
    if (!page->ok()) return {};  // The first listing says what is wrong.
    Group group;
    auto taken = take_page(page->json, group);
    auto arrived = wait_for(group);
    if (!taken) return taken;
    if (!arrived) return arrived;
    const auto next = text(page->json, "@odata.nextLink");
    if (next == link) return {};
    link = next;
  }
  return {};
}

Result<void> FolderPull::start_over(const std::string& why) {
  if (restarted_) return Error{ErrorCode::unavailable, fmt::format("folder {}: {} again and again", path_, why)};
  restarted_ = true;
  context_.find(fmt::format("folder {}: {}; the whole folder was listed again", path_, why));
  listing_everything_ = true;
  listed_.clear();
  cursor_.link = first_link();
  cursor_.finished = false;
  cursor_.comparing = true;
  return {};
}

Result<void> FolderPull::take_page(const json::object& page, Group& group) {
  const auto* items = list(page, "value");
  if (items == nullptr) return {};
  // An id may come several times, and only its last state counts.
  std::map<std::string, std::size_t> last;
  for (std::size_t at = 0; at < items->size(); ++at) {
    if ((*items)[at].is_object()) last[text((*items)[at].get_object(), "id")] = at;
  }
  if (cursor_.finished) context_.sink.expected(last.size());
  for (std::size_t at = 0; at < items->size(); ++at) {
    if (!(*items)[at].is_object()) continue;
    const auto& item = (*items)[at].get_object();
    const auto id = text(item, "id");
    if (id.empty() || last[id] != at) continue;
    if (auto done = take_item(item, group); !done) return done;
  }
  return {};
}

Result<void> FolderPull::take_item(const json::object& listed, Group& group) {
  SourceItem item;
  item.id = text(listed, "id");
  item.folder = path_;
  if (listed.contains("@removed")) {
    listed_.erase(item.id);
    std::erase_if(cursor_.missing, [&](const auto& missing) { return missing.id == item.id; });
    return context_.sink.vanished(item.id, path_);
  }
  if (listing_everything_) listed_.insert(item.id);
  item = read_item(listed, path_, context_.service.clock().now());
  if (!in_period(item.received) || (item.unread && !context_.service.options().unread)) return {};
  ++context_.seen;
  auto known = context_.sink.known(item);
  if (!known) return known.error();
  if (*known == Known::same) return {};
  if (*known == Known::elsewhere) return context_.sink.moved(item.id, item);
  return fetch_later(std::move(item), group);
}

Result<void> FolderPull::fetch_later(SourceItem item, Group& group) {
  {
    const std::lock_guard lock(group.mutex);
    if (group.error) return *group.error;
    ++group.under_way;
  }
  const bool accepted = context_.downloads.submit([this, item = std::move(item), &group] {
    auto done = context_.stop.stop_requested() ? Result<void>(Error{ErrorCode::cancelled, "stopped"}) : fetch(item, group);
    const std::lock_guard lock(group.mutex);
    if (!done && !group.error) group.error = done.error();
    --group.under_way;
    group.ended.notify_all();
  });
  if (accepted) return {};
  const std::lock_guard lock(group.mutex);
  --group.under_way;
  return Error{ErrorCode::cancelled, "stopped"};
}

Result<void> FolderPull::wait_for(Group& group) {
  std::unique_lock lock(group.mutex);
  group.ended.wait(lock, [&] { return group.under_way == 0; });
  if (group.error) return *group.error;
  return {};
}

Result<void> FolderPull::fetch(const SourceItem& item, Group& group) {
  auto failed = fetch_item({context_.service, context_.url, context_.mailbox, context_.sink, context_.stop, &context_.requests}, item);
  if (!failed) return failed.error();
  if (!*failed) return {};
  {
    const std::lock_guard lock(group.mutex);
    group.missing.push_back({item.id, format_rfc3339(item.received)});
  }
  return context_.sink.failed(item, **failed);
}

Result<void> FolderPull::fetch_missing() {
  if (cursor_.missing.empty()) return {};
  const auto wanted = std::exchange(cursor_.missing, {});
  Group group;
  Result<void> given;
  context_.sink.expected(wanted.size());
  for (const auto& missing : wanted) {
    SourceItem item;
    item.id = missing.id;
    item.folder = path_;
    item.received = parse_rfc3339(missing.received).value_or(context_.service.clock().now());
    ++context_.seen;
    if (given = fetch_later(std::move(item), group); !given) break;
  }
  auto arrived = wait_for(group);
  if (!given) return given;
  if (!arrived) return arrived;
  cursor_.missing = std::move(group.missing);
  return {};
}

}  // namespace kopial::graph
