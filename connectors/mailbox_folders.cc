#include "connectors/mailbox_folders.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "storage/base/guarded.h"

namespace kopial {
namespace {

// Many folders are small, and waiting for one listing after the other would take most of the time; more would only wait for the
// four requests that services allow in a mailbox.
constexpr std::size_t kFoldersAtOnce = 3;
constexpr std::size_t kArchivedPage = 1000;

// Calls `each` with every archived item that was last seen in that folder.
Result<void> for_archived(EventSink& sink, const std::string& folder, const std::function<Result<void>(const std::string&)>& each) {
  for (std::string after;;) {
    auto items = sink.archived(folder, after, kArchivedPage);
    if (!items) return items.error();
    for (const auto& item : *items) {
      if (auto done = each(item); !done) return done;
    }
    if (items->size() < kArchivedPage) return {};
    after = items->back();
  }
}

}  // namespace

std::string path_name(const std::string& name) {
  std::string out;
  for (const char c : name) out += c == '/' ? std::string("%2F") : std::string(1, c);
  return out.empty() ? "%20" : out;
}

std::vector<std::string> names_of_path(const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    std::string name = path.substr(at, end - at);
    for (auto escaped = name.find("%2F"); escaped != std::string::npos; escaped = name.find("%2F", escaped + 1)) name.replace(escaped, 3, "/");
    if (!name.empty()) names.push_back(std::move(name));
    at = end + 1;
  }
  return names;
}

bool is_in_folder(const std::string& path, const std::string& folder) {
  return path == folder || (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

FolderPaths below(const std::string& prefix, FolderPaths paths) {
  if (prefix.empty()) return paths;
  for (auto& [id, path] : paths) path = prefix + "/" + path;
  return paths;
}

bool is_chosen(const std::string& path, const std::vector<std::string>& excluded, const std::vector<std::string>& included) {
  const auto in_any = [&](const std::vector<std::string>& folders) {
    return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) { return is_in_folder(path, folder); });
  };
  return !in_any(excluded) && (included.empty() || in_any(included));
}

Result<void> follow_renames(EventSink& sink, const FolderPaths& before, const FolderPaths& now) {
  std::vector<std::pair<std::string, std::string>> moves;  // item, new path
  for (const auto& [id, path] : before) {
    const auto found = now.find(id);
    if (found == now.end() || found->second == path) continue;
    auto done = for_archived(sink, path, [&](const std::string& item) {
      moves.emplace_back(item, found->second);
      return Result<void>();
    });
    if (!done) return done;
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

Result<void> close_removed(EventSink& sink, const FolderPaths& before, const FolderPaths& now) {
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

Result<void> close_items(EventSink& sink, const std::string& folder, const std::set<std::string>* still_listed) {
  return for_archived(sink, folder, [&](const std::string& item) {
    return still_listed != nullptr && still_listed->contains(item) ? Result<void>() : sink.vanished(item, folder);
  });
}

Result<void> pull_folders(const std::set<std::string>& ids, const FolderPaths& paths, std::stop_source& stop,
                          const std::function<Result<void>(const std::string&, const std::string&)>& pull) {
  const std::vector<std::string> all(ids.begin(), ids.end());
  std::atomic<std::size_t> next = 0;
  Guarded<std::optional<Error>> failed;
  const auto walk = [&] {
    for (std::size_t at = next++; at < all.size() && !stop.stop_requested(); at = next++) {
      const auto& path = paths.at(all[at]);
      auto done = pull(all[at], path);
      if (done) continue;
      failed.with([&](auto& first) {
        if (!first) first = done.error().code == ErrorCode::cancelled ? done.error() : done.error().with_context("folder " + path);
      });
      stop.request_stop();
    }
  };
  {
    std::vector<std::jthread> walkers;
    for (std::size_t i = 1; i < std::min(kFoldersAtOnce, all.size()); ++i) walkers.emplace_back(walk);
    walk();
  }
  if (const auto error = failed.with([](const auto& first) { return first; })) return *error;
  if (stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped"};
  return {};
}

}  // namespace kopial
