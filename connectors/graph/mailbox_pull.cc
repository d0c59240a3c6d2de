#include "connectors/graph/mailbox_pull.h"

#include <fmt/format.h>

#include <thread>

#include "connectors/graph/folder_pull.h"
#include "connectors/graph/folder_tree.h"
#include "connectors/http/url.h"

namespace kopial::graph {
namespace {

// Many folders are small, and waiting for one listing after the other would take most of the time; more would only wait for the
// service's four requests.
constexpr std::size_t kFoldersAtOnce = 3;
constexpr std::size_t kArchivedPage = 1000;

using Paths = std::map<std::string, std::string>;

// Folders that lie elsewhere now, or have another name: their messages move along, without being fetched.
Result<void> follow_renames(EventSink& sink, const Paths& before, const Paths& now) {
  std::vector<std::pair<std::string, std::string>> moves;  // item, new path
  for (const auto& [id, path] : before) {
    const auto found = now.find(id);
    if (found == now.end() || found->second == path) continue;
    for (std::string after;;) {
      auto items = sink.archived(path, after, kArchivedPage);
      if (!items) return items.error();
      for (const auto& item : *items) moves.emplace_back(item, found->second);
      if (items->size() < kArchivedPage) break;
      after = items->back();
    }
  }
  // All are read before the first is moved: two folders may have changed their names with each other.
  for (auto& [id, path] : moves) {
    SourceItem item;
    item.id = id;
    item.folder = path;
    if (auto done = sink.moved(id, item); !done) return done;
  }
  return {};
}

Result<void> close_removed(EventSink& sink, const Paths& before, const Paths& now) {
  for (const auto& [id, path] : before) {
    if (now.contains(id)) continue;
    const bool reused = std::any_of(now.begin(), now.end(), [&](const auto& entry) { return entry.second == path; });
    if (!reused) {
      if (auto done = close_items(sink, path, nullptr); !done) return done;
    }
    if (auto done = sink.save_cursor(id, ""); !done) return done;
  }
  return {};
}

// Folders not listed before: the service's own count says how much there is to do.
Result<void> announce(EventSink& sink, const TreeCursor& tree, const std::set<std::string>& chosen) {
  for (const auto& id : chosen) {
    auto cursor = sink.cursor(id);
    if (!cursor) return cursor.error();
    if (!decode_folder_cursor(*cursor).finished) sink.expected(tree.folders.at(id).items);
  }
  return {};
}

Result<void> pull_folders(PullContext& context, std::stop_source& stop, const Paths& paths, const std::set<std::string>& chosen) {
  const std::vector<std::string> ids(chosen.begin(), chosen.end());
  std::atomic<std::size_t> next = 0;
  Guarded<std::optional<Error>> failed;
  const auto walk = [&] {
    for (std::size_t at = next++; at < ids.size() && !context.stop.stop_requested(); at = next++) {
      auto done = FolderPull(context, ids[at], paths.at(ids[at])).run();
      if (done) continue;
      failed.with([&](auto& first) {
        if (!first) first = done.error().code == ErrorCode::cancelled ? done.error() : done.error().with_context("folder " + paths.at(ids[at]));
      });
      stop.request_stop();
    }
  };
  {
    std::vector<std::jthread> walkers;
    for (std::size_t i = 1; i < std::min(kFoldersAtOnce, ids.size()); ++i) walkers.emplace_back(walk);
    walk();
  }
  if (const auto error = failed.with([](const auto& first) { return first; })) return *error;
  if (context.stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
  return {};
}

}  // namespace

std::string mailbox_url(const Service& service, const SourceMailbox& mailbox) { return service.base() + "/users/" + percent_encode(mailbox.id); }

Result<PullReport> pull_mailbox(Service& service, const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token outer) {
  std::stop_source stop;
  const std::stop_callback relay(outer, [&stop] { stop.request_stop(); });
  WorkerPool downloads("graph", service.options().requests_per_mailbox, service.options().requests_per_mailbox * 8);
  PullContext context{.service = service, .url = mailbox_url(service, mailbox), .mailbox = mailbox.id, .sink = sink,
                      .options = options, .stop = stop.get_token(), .downloads = downloads};

  auto saved = sink.cursor("");
  if (!saved) return saved.error();
  auto tree = decode_tree_cursor(*saved);
  const auto before = below(mailbox.folder_prefix, folder_paths(tree));
  std::vector<std::string> findings;
  if (auto done = refresh_tree(service, context.url, mailbox.id, tree, findings, context.stop, context.requests); !done) return done.error();
  for (auto& finding : findings) context.find(std::move(finding));
  const auto own_paths = folder_paths(tree);
  const auto chosen = chosen_folders(tree, own_paths, service.options());
  const auto paths = below(mailbox.folder_prefix, own_paths);

  if (auto done = follow_renames(sink, before, paths); !done) return done.error();
  if (auto done = close_removed(sink, before, paths); !done) return done.error();
  if (const auto now = encode(tree); now != *saved) {
    if (auto done = sink.save_cursor("", now); !done) return done.error();
  }
  if (auto done = announce(sink, tree, chosen); !done) return done.error();
  if (auto done = pull_folders(context, stop, paths, chosen); !done) return done.error();

  PullReport report;
  report.seen = context.seen;
  report.requests = context.requests;
  report.findings = context.findings.with([](const auto& all) { return all; });
  report.gaps = context.gaps.with([](const auto& all) { return all; });
  report.unfinished = context.unfinished;
  return report;
}

}  // namespace kopial::graph
