#include "connectors/graph/mailbox_listing.h"

#include <fmt/format.h>

#include "connectors/graph/folder_tree.h"
#include "connectors/graph/mailbox_pull.h"
#include "connectors/http/url.h"
#include "connectors/mailbox_folders.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

constexpr std::size_t kPage = 1000;  // The most that a listing of ids gives.

bool in_period(const GraphOptions& options, Time received) {
  return (!options.since || received >= *options.since) && (!options.until || received < *options.until);
}

}  // namespace

Result<KnownTree> read_tree(Service& service, const SourceMailbox& mailbox, std::stop_token stop, std::atomic<std::uint64_t>* requests) {
  KnownTree tree;
  TreeCursor cursor;
  std::vector<std::string> findings;
  std::atomic<std::uint64_t> ours = 0;
  if (auto done = refresh_tree(service, mailbox_url(service, mailbox), mailbox.id, cursor, findings, stop, requests != nullptr ? *requests : ours); !done) return done.error();
  const auto paths = folder_paths(cursor);
  tree.chosen = chosen_folders(cursor, paths, service.options());
  tree.paths = below(mailbox.folder_prefix, paths);
  for (const auto& [id, folder] : cursor.folders) {
    if (!folder.virtual_folder && !tree.chosen.contains(id)) tree.left_out.push_back(tree.paths.at(id));
  }
  return tree;
}

Result<ListReport> list_mailbox(Service& service, const SourceMailbox& mailbox, const KnownTree& known, ListingSink& sink, std::stop_token stop) {
  ListReport report;
  std::atomic<std::uint64_t> requests = 0;
  const auto* tree = &known;
  report.left_out = known.left_out;
  for (const auto& id : tree->chosen) {
    const auto& path = tree->paths.at(id);
    std::string link = fmt::format("{}/mailFolders/{}/messages?$select={}&$orderby=receivedDateTime%20desc&$top={}", mailbox_url(service, mailbox),
                                   percent_encode(id), kItemFields, kPage);
    while (true) {
      auto page = service.call({.url = link, .mailbox = mailbox.id, .page_size = kPage, .page_in_url = true}, stop, &requests);
      if (!page) return page.error();
      if (!page->ok()) {
        if (page->is_mailbox_gone()) return page->error();
        // A folder that is gone holds nothing; one that cannot be read is a gap.
        if (page->is_folder_gone()) {
          if (auto done = sink.page(path, {}, true); !done) return done.error();
        } else {
          report.gaps.push_back({path, page->error().message});
        }
        break;
      }
      std::vector<SourceItem> items;
      if (const auto* listed = graph::list(page->json, "value")) {
        for (const auto& one : *listed) {
          if (!one.is_object()) continue;
          auto item = read_item(one.get_object(), path, service.clock().now());
          if (!item.id.empty() && in_period(service.options(), item.received)) items.push_back(std::move(item));
        }
      }
      const auto next = text(page->json, "@odata.nextLink");
      if (next == link) return Error{ErrorCode::unavailable, "Graph's listing goes in a circle"};
      if (auto done = sink.page(path, std::move(items), next.empty()); !done) return done.error();
      if (next.empty()) break;
      link = next;
    }
  }
  report.requests = requests;
  return report;
}

Result<std::optional<SourceItem>> locate_item(Service& service, const SourceMailbox& mailbox, const KnownTree& tree, const std::string& id, std::stop_token stop) {
  const auto url = mailbox_url(service, mailbox) + "/messages/" + percent_encode(id) + "?$select=" + std::string(kItemFields);
  auto answer = service.call({.url = url, .mailbox = mailbox.id}, stop);
  if (!answer) return answer.error();
  if (answer->is_item_gone()) return std::optional<SourceItem>();
  if (!answer->ok()) return answer->error();
  const auto folder = text(answer->json, "parentFolderId");
  auto item = read_item(answer->json, tree.chosen.contains(folder) ? tree.paths.at(folder) : "", service.clock().now());
  item.id = id;
  return std::optional(std::move(item));
}

}  // namespace kopial::graph
