#include "connectors/ews/mailbox_pull.h"

#include "connectors/ews/folder_sync.h"
#include "connectors/mailbox_folders.h"

namespace kopial::ews {
namespace {

// Folders not listed before: the server's own count says how much there is to do.
Result<void> announce(EventSink& sink, const TreeCursor& tree, const std::set<std::string>& chosen) {
  for (const auto& id : chosen) {
    auto cursor = sink.cursor(id);
    if (!cursor) return cursor.error();
    if (!decode_folder_cursor(*cursor).finished) sink.expected(tree.folders.at(id).items);
  }
  return {};
}

}  // namespace

Result<PullReport> pull_mailbox(Service& service, const Target& target, const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token outer) {
  std::stop_source stop;
  const std::stop_callback relay(outer, [&stop] { stop.request_stop(); });
  WorkerPool downloads("ews", service.options().requests_per_mailbox, service.options().requests_per_mailbox * 4);
  PullContext context{.service = service, .target = target, .sink = sink, .options = options, .stop = stop.get_token(), .downloads = downloads};

  auto saved = sink.cursor("");
  if (!saved) return saved.error();
  auto tree = decode_tree_cursor(*saved);
  const auto before = below(mailbox.folder_prefix, folder_paths(tree));
  std::vector<std::string> findings;
  if (auto done = refresh_tree({service, target, context.stop, context.requests, !mailbox.part_of.empty()}, tree, findings); !done) return done.error();
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
  auto pulled = pull_folders(chosen, paths, stop, [&](const std::string& id, const std::string& path) { return FolderSync(context, id, path).run(); });
  if (!pulled) return pulled.error();

  PullReport report;
  report.seen = context.seen;
  report.requests = context.requests;
  report.findings = context.findings.with([](const auto& all) { return all; });
  report.gaps = context.gaps.with([](const auto& all) { return all; });
  report.unfinished = context.unfinished;
  return report;
}

}  // namespace kopial::ews
