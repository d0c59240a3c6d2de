#include "connectors/ews/folder_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/ews/requests.h"
#include "connectors/mailbox_folders.h"

namespace kopial::ews {
namespace {

constexpr std::size_t kDepthMax = 400;  // Exchange allows 300.
constexpr std::size_t kFoldersMax = 200'000;
constexpr std::int64_t kNamesEverySeconds = 24 * 3600;

constexpr std::string_view kTop = "msgfolderroot", kRecoverable = "recoverableitemsroot";
constexpr std::string_view kArchiveTop = "archivemsgfolderroot", kArchiveRecoverable = "archiverecoverableitemsroot";

// Distinguished names of folders with mail that Exchange 2013 SP1 knows: one that a server does not know makes it refuse the request.
constexpr std::string_view kNames[] = {"inbox", "drafts", "sentitems", "outbox", "deleteditems", "junkemail", "syncissues", "conflicts", "localfailures",
                                       "serverfailures", "conversationhistory", "journal", "notes", "tasks", "contacts", "calendar", "voicemail"};

std::string prefix_of(std::string_view root) { return std::string(root == kRecoverable || root == kArchiveRecoverable ? kRecoverableItems : ""); }

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The changed folder of a Create or Update, whatever kind it is.
const Node* folder_of(const Node& change) { return change.children.empty() ? nullptr : &change.children.front(); }

std::string id_of(const Node& holder) {
  const auto* id = holder.child("FolderId");
  return id == nullptr ? std::string() : id->attribute("Id");
}

void take(const Node& listed, const std::string& root, TreeCursor& tree) {
  const auto id = id_of(listed);
  if (id.empty() || id == tree.roots[root].id) return;
  auto& folder = tree.folders[id];
  folder.name = listed.child_text("DisplayName");
  folder.kind = listed.child_text("FolderClass");
  folder.root = root;
  folder.virtual_folder = listed.name == "SearchFolder";
  folder.items = number(listed.child_text("TotalCount"));
  if (const auto* parent = listed.child("ParentFolderId")) folder.parent = parent->attribute("Id");
}

class Refresh {
 public:
  Refresh(const Asker& asker, TreeCursor& tree, std::vector<std::string>& findings) : asker_(asker), tree_(tree), findings_(findings) {}

  Result<void> run() {
    std::vector<std::string> roots{std::string(asker_.in_archive ? kArchiveTop : kTop)};
    if (asker_.service.options().recoverable_items) roots.emplace_back(asker_.in_archive ? kArchiveRecoverable : kRecoverable);
    if (auto done = ask_names(roots); !done) return done;
    for (const auto& root : roots) {
      if (tree_.roots[root].id.empty()) continue;
      if (auto done = follow(root); !done) return done;
    }
    if (tree_.folders.size() > kFoldersMax) return Error{ErrorCode::too_large, "the mailbox has too many folders"};
    return {};
  }

 private:
  FolderRef named(const std::string& name) const {
    return folder_by_name(name, asker_.service.options().impersonate ? "" : asker_.target.mailbox);
  }

  // Ids of the roots and of the folders that are chosen by their distinguished names, in one request, once a day.
  Result<void> ask_names(const std::vector<std::string>& roots) {
    const auto now = to_milliseconds(asker_.service.clock().now()) / 1000;
    std::vector<std::string> names = roots;
    for (const auto* wanted : {&asker_.service.options().exclude_folders, &asker_.service.options().include_folders}) {
      for (const auto& name : *wanted) {
        if (is_distinguished(name) && !asker_.in_archive && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
    }
    const bool all_known = std::all_of(names.begin(), names.end(), [&](const auto& name) { return tree_.well_known.contains(name); });
    if (all_known && now - tree_.names_asked_at < kNamesEverySeconds) return {};
    std::vector<FolderRef> folders;
    for (const auto& name : names) folders.push_back(named(name));
    auto answer = asker_.call(get_folders(folders));
    if (!answer) return answer.error();
    if (answer->messages.size() != names.size()) return Error{ErrorCode::unavailable, "Exchange's answer leaves out folders"};
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& message = answer->messages[i];
      std::string id;
      if (message.ok()) {
        if (const auto* listed = message.node.child("Folders"); listed != nullptr && !listed->children.empty()) id = id_of(listed->children.front());
      } else if (i == 0) {
        return message.error();
      } else if (message.is_transient()) {
        continue;  // Asked again with the next run; what was known stays.
      }
      if (id.empty() && i == 0) return Error{ErrorCode::not_found, "the mailbox has no folders"};
      if (i < roots.size()) set_root(names[i], id);
      tree_.well_known[names[i]] = id;
    }
    tree_.names_asked_at = now;
    return {};
  }

  // Another top folder is another mailbox (restored, or moved across forests): nothing of the old tree counts.
  void set_root(const std::string& name, const std::string& id) {
    auto& root = tree_.roots[name];
    if (!root.id.empty() && root.id != id) {
      if (!id.empty()) findings_.push_back(fmt::format("the tree {} has another top folder than before; it was read anew", name));
      forget(name);
      root.state.clear();
    }
    root.id = id;
  }
  void forget(const std::string& root) {
    std::erase_if(tree_.folders, [&](const auto& entry) { return entry.second.root == root; });
  }

  Result<void> follow(const std::string& root) {
    auto& at = tree_.roots[root];
    bool fresh = at.state.empty();
    if (fresh) forget(root);
    while (true) {
      auto answer = asker_.call(sync_folder_hierarchy(named(root), at.state));
      if (!answer) return answer.error();
      const auto& message = answer->messages.front();
      if (message.is({"ErrorInvalidSyncStateData"}) && !fresh) {
        findings_.push_back("the folder tree's sync state was lost at the server; the whole tree was read again");
        fresh = true;
        at.state.clear();
        forget(root);
        continue;
      }
      if (!message.ok() && !prefix_of(root).empty() && message.is({"ErrorFolderNotFound", "ErrorArchiveMailboxNotEnabled", "ErrorArchiveFolderPathCreation", "ErrorSyncFolderNotFound"})) {
        findings_.push_back(fmt::format("{} cannot be read any more: {}", prefix_of(root), message.code));
        tree_.well_known.erase(root);  // Asked again with the next run.
        return {};
      }
      if (!message.ok()) return message.error();
      if (const auto* changes = message.node.child("Changes")) {
        for (const auto& change : changes->children) {
          if (change.name == "Delete") tree_.folders.erase(id_of(change));
          else if (const auto* folder = folder_of(change)) take(*folder, root, tree_);
        }
      }
      if (tree_.folders.size() > kFoldersMax) return Error{ErrorCode::too_large, "the mailbox has too many folders"};
      auto state = message.node.child_text("SyncState");
      const bool last = message.node.child_text("IncludesLastFolderInRange") != "false";
      if (state.empty() || (!last && state == at.state)) return Error{ErrorCode::unavailable, "Exchange ended a listing of folders without saying where to go on"};
      at.state = std::move(state);
      if (last) return {};
    }
  }

  const Asker& asker_;
  TreeCursor& tree_;
  std::vector<std::string>& findings_;
};

}  // namespace

std::map<std::string, std::string> folder_paths(const TreeCursor& tree) {
  std::map<std::string, std::string> paths;
  for (const auto& [id, folder] : tree.folders) {
    std::string path = path_name(folder.name);
    const auto* at = &folder;
    for (std::size_t depth = 0; depth < kDepthMax; ++depth) {
      const auto parent = tree.folders.find(at->parent);
      if (parent == tree.folders.end()) break;  // The top folder of the tree, or one that was never told.
      at = &parent->second;
      path = path_name(at->name) + "/" + path;
    }
    const auto prefix = prefix_of(folder.root);
    paths[id] = prefix.empty() ? std::move(path) : prefix + "/" + path;
  }
  return paths;
}

bool is_distinguished(const std::string& name) { return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames); }

bool holds_mail(const Folder& folder) {
  return !folder.virtual_folder && (folder.kind.empty() || folder.kind.starts_with("IPF.Note") || folder.kind == "IPF");
}

std::set<std::string> chosen_folders(const TreeCursor& tree, const std::map<std::string, std::string>& paths, const EwsOptions& options) {
  const auto named = [&](const std::vector<std::string>& names) {
    std::vector<std::string> out;  // paths
    for (const auto& name : names) {
      const auto known = tree.well_known.find(name);
      if (known == tree.well_known.end()) {
        out.push_back(name);
      } else if (const auto path = paths.find(known->second); path != paths.end()) {
        out.push_back(path->second);
      }
    }
    return out;
  };
  const auto excluded = named(options.exclude_folders), included = named(options.include_folders);
  std::set<std::string> chosen;
  for (const auto& [id, folder] : tree.folders) {
    const auto& path = paths.at(id);
    if (holds_mail(folder) && is_chosen(path, excluded, included)) chosen.insert(id);
  }
  return chosen;
}

Result<void> refresh_tree(const Asker& asker, TreeCursor& tree, std::vector<std::string>& findings) { return Refresh(asker, tree, findings).run(); }

}  // namespace kopial::ews
