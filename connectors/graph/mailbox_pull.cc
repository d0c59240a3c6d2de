#include "connectors/graph/mailbox_pull.h"

#include "connectors/graph/folder_pull.h"
#include "connectors/graph/folder_tree.h"
#include "connectors/http/url.h"
#include "connectors/mailbox_folders.h"

namespace kopial::graph {
namespace {

// Folders not listed before: the service's own count says how much there is to do.
Result<void> announce(EventSink& sink, const TreeCursor& tree, const std::set<std::string>& chosen) {
  for (const auto& id : chosen) {
    auto cursor = sink.cursor(id);
    if (!cursor) return cursor.error();
    if (!decode_folder_cursor(*cursor).finished) sink.expected(tree.folders.at(id).items);
  }
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
  auto pulled = pull_folders(chosen, paths, stop, [&](const std::string& id, const std::string& path) { return FolderPull(context, id, path).run(); });
  if (!pulled) return pulled.error();

  PullReport report;
  report.seen = context.seen;
  report.requests = context.requests;
  report.findings = context.findings.with([](const auto& all) { return all; });
  report.gaps = context.gaps.with([](const auto& all) { return all; });
  report.unfinished = context.unfinished;
  return report;
}

}  // namespace kopial::graph
