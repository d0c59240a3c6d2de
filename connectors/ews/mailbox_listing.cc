#include "connectors/ews/mailbox_listing.h"

#include "connectors/ews/folder_sync.h"
#include "connectors/ews/item_pages.h"
#include "connectors/ews/requests.h"
#include "connectors/mailbox_folders.h"

namespace kopial::ews {

Result<KnownTree> read_tree(const Asker& asker, const std::string& prefix) {
  TreeCursor tree;
  std::vector<std::string> findings;
  if (auto done = refresh_tree(asker, tree, findings); !done) return done.error();
  KnownTree known;
  const auto paths = folder_paths(tree);
  known.chosen = chosen_folders(tree, paths, asker.service.options());
  known.paths = below(prefix, paths);
  for (const auto& [id, folder] : tree.folders) {
    if (holds_mail(folder) && !known.chosen.contains(id)) known.left_out.push_back(known.paths.at(id));
  }
  return known;
}

Result<ListReport> list_mailbox(const Asker& asker, const KnownTree& tree, ListingSink& sink) {
  ListReport report;
  report.left_out = tree.left_out;
  const auto now = asker.service.clock().now();
  for (const auto& id : tree.chosen) {
    const auto& path = tree.paths.at(id);
    ItemPages pages([&](std::string body) { return asker.call(std::move(body)); }, id, path, std::nullopt, now);
    while (true) {
      auto page = pages.next();
      if (!page) {
        if (page.error().code == ErrorCode::cancelled || page.error().code == ErrorCode::rate_limited) return page.error();
        if (page.error().code != ErrorCode::not_found) {  // A folder that has gone since the tree was read is no gap.
          report.gaps.push_back({path, page.error().message});
          break;
        }
        page = ItemPage{.last = true};
      }
      std::vector<SourceItem> items;
      for (auto& listed : page->items) {
        if (in_period(asker.service.options(), listed.item.received)) items.push_back(std::move(listed.item));
      }
      if (auto given = sink.page(path, std::move(items), page->last); !given) return given.error();
      if (page->last) break;
    }
  }
  report.requests = asker.requests;
  return report;
}

Result<std::optional<SourceItem>> locate_item(const Asker& asker, const KnownTree& tree, const std::string& item) {
  const ItemRef wanted{item, ""};
  auto answer = asker.call(get_items({&wanted, 1}, Shape::listed));
  if (!answer) return answer.error();
  const auto& message = answer->messages.front();
  if (message.is({"ErrorItemNotFound"})) return std::optional<SourceItem>();
  if (!message.ok()) return message.error();
  const auto* items = message.node.child("Items");
  if (items == nullptr || items->children.empty()) return Error{ErrorCode::unavailable, "Exchange described an item with nothing"};
  const auto& node = items->children.front();
  auto listed = read_listed(node, "", asker.service.clock().now());
  if (const auto* parent = node.child("ParentFolderId")) {
    const auto id = parent->attribute("Id");
    if (tree.chosen.contains(id)) listed.item.folder = tree.paths.at(id);
  }
  return std::optional(std::move(listed.item));
}

}  // namespace kopial::ews
