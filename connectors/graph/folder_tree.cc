#include "connectors/graph/folder_tree.h"

#include <fmt/format.h>

#include <deque>

#include "connectors/http/url.h"
#include "connectors/mailbox_folders.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

constexpr std::size_t kDepthMax = 400;  // Exchange allows 300.
constexpr std::size_t kFoldersMax = 200'000;
constexpr std::int64_t kHiddenEverySeconds = 24 * 3600;
constexpr std::string_view kFields = "id,displayName,parentFolderId,isHidden,childFolderCount,totalItemCount";

bool is_search_folder(const json::object& folder) { return text(folder, "@odata.type").ends_with("mailSearchFolder"); }

// Takes one listed folder, or the note of its removal, into the tree.
void take(const json::object& listed, bool hidden, TreeCursor& tree) {
  const auto id = text(listed, "id");
  if (id.empty() || id == tree.root) return;
  if (listed.contains("@removed")) {
    tree.folders.erase(id);
    return;
  }
  auto& folder = tree.folders[id];
  // Later rounds may leave out what did not change.
  if (listed.contains("displayName")) folder.name = text(listed, "displayName");
  if (listed.contains("parentFolderId")) folder.parent = text(listed, "parentFolderId");
  folder.items = number(listed, "totalItemCount");
  folder.hidden = folder.hidden || hidden || flag(listed, "isHidden");
  folder.virtual_folder = folder.virtual_folder || is_search_folder(listed);
}

class Refresh {
 public:
  Refresh(Service& service, const std::string& mailbox_url, const std::string& mailbox, TreeCursor& tree,
          std::vector<std::string>& findings, std::stop_token stop, std::atomic<std::uint64_t>& requests)
      : service_(service), url_(mailbox_url), mailbox_(mailbox), tree_(tree), findings_(findings), stop_(stop), requests_(requests) {}

  Result<void> run() {
    if (tree_.root.empty()) {
      auto root = folder_id("msgfolderroot");
      if (!root) return root.error();
      if (root->empty()) return Error{ErrorCode::not_found, "the mailbox has no folders"};
      tree_.root = *root;
    }
    if (auto done = follow_delta(); !done) return done;
    if (auto done = look_for_hidden(); !done) return done;
    if (auto done = look_for_recoverable(); !done) return done;
    return resolve_well_known();
  }

 private:
  Result<Answer> get(const std::string& url, std::size_t page_size) {
    return service_.call({.url = url, .mailbox = mailbox_, .page_size = page_size}, stop_, &requests_);
  }

  // "" when the mailbox has no such folder.
  Result<std::string> folder_id(const std::string& well_known) {
    auto answer = get(url_ + "/mailFolders/" + well_known + "?$select=id", 0);
    if (!answer) return answer.error();
    if (answer->ok()) return text(answer->json, "id");
    if (well_known != "msgfolderroot" && answer->status == 404 && answer->is_folder_gone()) return std::string();
    return answer->error();
  }

  Result<void> follow_delta() {
    const auto start = url_ + "/mailFolders/delta?$select=" + std::string(kFields);
    std::string link = tree_.delta.empty() ? start : tree_.delta;
    bool fresh = tree_.delta.empty();
    if (fresh) tree_.folders.clear();
    while (true) {
      auto answer = get(link, 200);
      if (!answer) return answer.error();
      if (!answer->ok()) {
        if (!answer->is_sync_reset() || fresh) return answer->error();
        findings_.push_back("the folder tree's sync state was lost at the service; the whole tree was read again");
        fresh = true;
        tree_.folders.clear();
        link = start;
        continue;
      }
      if (const auto* items = list(answer->json, "value")) {
        for (const auto& item : *items) {
          if (item.is_object()) take(item.get_object(), false, tree_);
        }
      }
      if (tree_.folders.size() > kFoldersMax) return Error{ErrorCode::too_large, "the mailbox has too many folders"};
      if (const auto next = text(answer->json, "@odata.nextLink"); !next.empty()) {
        link = next;
        continue;
      }
      tree_.delta = text(answer->json, "@odata.deltaLink");
      if (fresh) tree_.hidden_looked_at = 0;
      return {};
    }
  }

  // All pages of folders directly below one folder ("" = the top), hidden ones among them. Gives the ids of the hidden ones.
  Result<std::vector<std::string>> list_children(const std::string& parent) {
    const auto below = parent.empty() ? std::string("/mailFolders") : "/mailFolders/" + percent_encode(parent) + "/childFolders";
    std::string link = url_ + below + "?includeHiddenFolders=true&$top=250&$select=" + std::string(kFields);
    std::vector<std::string> hidden;
    while (!link.empty()) {
      auto answer = get(link, 0);
      if (!answer) return answer.error();
      if (!answer->ok()) {
        if (!parent.empty() && answer->is_folder_gone()) return hidden;
        return answer->error();
      }
      if (const auto* items = list(answer->json, "value")) {
        for (const auto& item : *items) {
          if (!item.is_object()) continue;
          const auto& folder = item.get_object();
          const bool known = tree_.folders.contains(text(folder, "id"));
          if (!known || flag(folder, "isHidden")) take(folder, flag(folder, "isHidden"), tree_);
          if (flag(folder, "isHidden")) hidden.push_back(text(folder, "id"));
        }
      }
      link = text(answer->json, "@odata.nextLink");
    }
    return hidden;
  }

  Result<void> look_for_hidden() {
    const auto now = to_milliseconds(service_.clock().now()) / 1000;
    const bool everywhere = now - tree_.hidden_looked_at >= kHiddenEverySeconds;
    looked_everywhere_ = everywhere;
    // What was hidden before and is not listed any more is gone: the delta would not say so.
    std::set<std::string> listed;
    std::deque<std::string> parents{""};
    if (everywhere) {
      for (const auto& [id, folder] : tree_.folders) {
        if (!folder.virtual_folder && !folder.hidden && !folder.beside) parents.push_back(id);
      }
    }
    for (std::size_t looked = 0; !parents.empty(); ++looked) {
      if (looked > kFoldersMax) return Error{ErrorCode::too_large, "the mailbox has too many folders"};
      const auto parent = parents.front();
      parents.pop_front();
      auto hidden = list_children(parent);
      if (!hidden) return hidden.error();
      for (auto& id : *hidden) {
        if (!listed.insert(id).second || tree_.folders[id].virtual_folder) continue;
        parents.push_back(id);
      }
    }
    if (everywhere) {
      std::erase_if(tree_.folders, [&](const auto& entry) { return entry.second.hidden && !entry.second.beside && !listed.contains(entry.first); });
      tree_.hidden_looked_at = now;
    }
    return {};
  }

  // What owners have deleted, and Exchange still keeps: no delta and no listing of the tree has it.
  Result<void> look_for_recoverable() {
    if (!service_.options().recoverable_items) return {};
    const bool known = std::any_of(tree_.folders.begin(), tree_.folders.end(), [](const auto& entry) { return entry.second.beside; });
    if (known && !looked_everywhere_) return {};
    auto root = folder_id("recoverableitemsroot");
    if (!root) return root.error();
    if (root->empty()) {
      findings_.push_back("this mailbox has no Recoverable Items");
      return {};
    }
    std::map<std::string, Folder> before;
    std::erase_if(tree_.folders, [&](const auto& entry) { return entry.second.beside && before.insert(entry).second; });
    tree_.folders[*root] = {std::string(kRecoverableItems), tree_.root, true, false, 0, true};
    std::string link = url_ + "/mailFolders/" + percent_encode(*root) + "/childFolders?includeHiddenFolders=true&$top=250&$select=" + std::string(kFields);
    while (!link.empty()) {
      auto answer = get(link, 0);
      if (!answer) return answer.error();
      if (!answer->ok()) {
        for (auto& [id, folder] : before) tree_.folders[id] = folder;
        findings_.push_back("the Recoverable Items could not be listed: " + answer->error().message);
        return {};
      }
      if (const auto* items = list(answer->json, "value")) {
        for (const auto& item : *items) {
          if (!item.is_object()) continue;
          const auto& folder = item.get_object();
          tree_.folders[text(folder, "id")] = {text(folder, "displayName"), *root, true, false, number(folder, "totalItemCount"), true};
        }
      }
      link = text(answer->json, "@odata.nextLink");
    }
    return {};
  }

  Result<void> resolve_well_known() {
    for (const auto* names : {&service_.options().exclude_folders, &service_.options().include_folders}) {
      for (const auto& name : *names) {
        if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz") != std::string::npos || tree_.well_known.contains(name)) continue;
        auto id = folder_id(name);
        // A name that Graph does not know is a path of one folder.
        if (!id && id.error().code != ErrorCode::invalid && id.error().code != ErrorCode::not_found) return id.error();
        tree_.well_known[name] = id ? *id : "";
      }
    }
    return {};
  }

  Service& service_;
  const std::string& url_;
  const std::string& mailbox_;
  TreeCursor& tree_;
  std::vector<std::string>& findings_;
  std::stop_token stop_;
  std::atomic<std::uint64_t>& requests_;
  bool looked_everywhere_ = false;
};

}  // namespace

std::map<std::string, std::string> folder_paths(const TreeCursor& tree) {
  std::map<std::string, std::string> paths;
  for (const auto& [id, folder] : tree.folders) {
    std::string path = path_name(folder.name);
    const auto* at = &folder;
    for (std::size_t depth = 0; depth < kDepthMax; ++depth) {
      const auto parent = tree.folders.find(at->parent);
      if (at->parent == tree.root || parent == tree.folders.end()) break;
      at = &parent->second;
      path = path_name(at->name) + "/" + path;
    }
    paths[id] = std::move(path);
  }
  return paths;
}

std::set<std::string> chosen_folders(const TreeCursor& tree, const std::map<std::string, std::string>& paths, const GraphOptions& options) {
  const auto named = [&](const std::vector<std::string>& names) {
    std::vector<std::string> out;  // paths
    for (const auto& name : names) {
      const auto known = tree.well_known.find(name);
      if (known != tree.well_known.end() && !known->second.empty()) {
        if (const auto path = paths.find(known->second); path != paths.end()) out.push_back(path->second);
      } else {
        out.push_back(name);
      }
    }
    return out;
  };
  const auto excluded = named(options.exclude_folders), included = named(options.include_folders);
  std::set<std::string> chosen;
  for (const auto& [id, folder] : tree.folders) {
    const auto& path = paths.at(id);
    if (folder.virtual_folder || (folder.beside && !options.recoverable_items)) continue;
    if (is_chosen(path, excluded, included)) chosen.insert(id);
  }
  return chosen;
}

Result<void> refresh_tree(Service& service, const std::string& mailbox_url, const std::string& mailbox, TreeCursor& tree,
                          std::vector<std::string>& findings, std::stop_token stop, std::atomic<std::uint64_t>& requests) {
  return Refresh(service, mailbox_url, mailbox, tree, findings, stop, requests).run();
}

}  // namespace kopial::graph
