#include "connectors/ews/folder_find.h"

#include <charconv>

#include "connectors/ews/item_pages.h"
#include "connectors/ews/requests.h"
#include "connectors/mailbox_folders.h"

namespace kopial::ews {
namespace {

constexpr std::chrono::minutes kOverlap{5};  // A message saved while others were listed may carry an earlier time.
constexpr std::int64_t kCompareEverySeconds = 24 * 3600;
constexpr std::size_t kArchivedPage = 1000;

}  // namespace

Result<void> FolderFind::run() {
  auto saved = context_.sink.cursor(id_);
  if (!saved) return saved.error();
  cursor_ = decode_folder_cursor(*saved);
  if (auto done = fetch_missing(context_, path_, cursor_); !done) return done;
  const auto ask = [&](std::string body) { return context_.call(std::move(body)); };
  const auto now = context_.service.clock().now();
  auto since = parse_rfc3339(cursor_.watermark);
  if (since) *since -= kOverlap;
  ItemPages pages(ask, id_, path_, since, now);
  while (true) {
    auto page = pages.next();
    if (!page) return page.error();
    Fetcher fetcher(context_);
    Result<void> taken;
    if (cursor_.finished) context_.sink.expected(page->items.size());
    for (auto& listed : page->items) {
      if (!in_period(context_.service.options(), listed.item.received)) continue;
      if (listed.item.unread && !context_.service.options().unread) continue;  // Reading it changes its time of modification.
      if (taken = fetcher.take(std::move(listed)); !taken) break;
    }
    auto arrived = fetcher.finish(cursor_.missing);
    if (!taken) return taken;
    if (!arrived) return arrived;
    if (auto done = check_missing(cursor_, path_); !done) return done;
    if (page->modified && (cursor_.watermark.empty() || *page->modified > parse_rfc3339(cursor_.watermark).value_or(Time{}))) cursor_.watermark = format_rfc3339(*page->modified);
    cursor_.finished = cursor_.finished || page->last;
    if (auto done = context_.sink.save_cursor(id_, encode(cursor_)); !done) return done;
    if (page->last) return compare(to_milliseconds(now) / 1000);
  }
}

Result<std::uint64_t> FolderFind::archived_items() {
  std::uint64_t count = 0;
  for (std::string after;;) {
    auto items = context_.sink.archived(path_, after, kArchivedPage);
    if (!items) return items.error();
    count += items->size();
    if (items->size() < kArchivedPage) return count;
    after = items->back();
  }
}

Result<void> FolderFind::compare(std::int64_t now) {
  const auto folder = folder_by_id(id_);
  auto answer = context_.call(get_folders({&folder, 1}));
  if (!answer) return answer.error();
  if (!answer->messages.front().ok()) return answer->messages.front().error();
  std::uint64_t there = 0;
  if (const auto* folders = answer->messages.front().node.child("Folders"); folders != nullptr && !folders->children.empty()) {
    const auto text = folders->children.front().child_text("TotalCount");
    std::from_chars(text.data(), text.data() + text.size(), there);
  }
  auto archived = archived_items();
  if (!archived) return archived.error();
  if (*archived <= there && now - cursor_.compared_at < kCompareEverySeconds) return {};
  if (*archived > 0) {
    std::set<std::string> listed;
    ItemPages pages([&](std::string body) { return context_.call(std::move(body)); }, id_, path_, std::nullopt, context_.service.clock().now());
    while (true) {
      auto page = pages.next();
      if (!page) return page.error();
      for (const auto& item : page->items) listed.insert(item.item.id);
      if (page->last) break;
    }
    if (auto done = close_items(context_.sink, path_, &listed); !done) return done;
  }
  cursor_.compared_at = now;
  return context_.sink.save_cursor(id_, encode(cursor_));
}

}  // namespace kopial::ews
