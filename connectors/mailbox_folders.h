// What pulls of every protocol do with the folders of a mailbox: paths, moves and removals of whole folders, several folders at once.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "connectors/events.h"

namespace kopial {

using FolderPaths = std::map<std::string, std::string>;  // folder id -> path

// A folder's name as one piece of a path: a '/' inside is "%2F".
std::string path_name(const std::string& name);
// The names of a path, each as people see it.
std::vector<std::string> names_of_path(const std::string& path);
// The folder itself, or one below it.
bool is_in_folder(const std::string& path, const std::string& folder);
// Paths as an archive has them: below the folder that a further mailbox of an owner goes into ("" = as they are).
FolderPaths below(const std::string& prefix, FolderPaths paths);
// Nothing excluded (what lies below is excluded as well), and when something is included, only that.
bool is_chosen(const std::string& path, const std::vector<std::string>& excluded, const std::vector<std::string>& included);

// Folders that lie elsewhere now, or have another name: their messages move along, without being fetched.
Result<void> follow_renames(EventSink& sink, const FolderPaths& before, const FolderPaths& now);
// Folders that are gone: what is archived of them has vanished, unless another folder has taken the path; their cursors are dropped.
Result<void> close_removed(EventSink& sink, const FolderPaths& before, const FolderPaths& now);
// All archived items of a folder that is gone at the source (nullptr), or that the source's full listing no longer has.
Result<void> close_items(EventSink& sink, const std::string& folder, const std::set<std::string>* still_listed);

// Pulls a few folders at a time, each with `pull` (id, path). The first error ends the others by way of `stop`, and is the answer.
Result<void> pull_folders(const std::set<std::string>& ids, const FolderPaths& paths, std::stop_source& stop,
                          const std::function<Result<void>(const std::string&, const std::string&)>& pull);

}  // namespace kopial
