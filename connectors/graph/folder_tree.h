// The folder tree of one mailbox: what is there now, where each folder lies, and which ones are to be archived.
#pragma once

#include <set>

#include "connectors/graph/cursors.h"
#include "connectors/graph/service.h"

namespace kopial::graph {

// Paths of all folders, by id: names joined by '/', a '/' inside a name as "%2F". A folder whose parent is not known lies at the
// top; a ring of parents, which no honest service sends, is cut.
std::map<std::string, std::string> folder_paths(const TreeCursor& tree);
// Ids of the folders to archive: no search folders, nothing excluded by well-known name or path (children included), and when
// something is included, only that.
std::set<std::string> chosen_folders(const TreeCursor& tree, const std::map<std::string, std::string>& paths, const GraphOptions& options);

// Brings `tree` up to date: costs two requests when nothing has changed. Hidden folders are not in Graph's delta: those at the top
// are listed each time, those below others once a day, and so are the Recoverable Items when they are wanted. A finding is added when the sync state was lost.
// Fails with not_found or denied when the mailbox cannot be read at all.
Result<void> refresh_tree(Service& service, const std::string& mailbox_url, const std::string& mailbox, TreeCursor& tree,
                          std::vector<std::string>& findings, std::stop_token stop, std::atomic<std::uint64_t>& requests);

}  // namespace kopial::graph
