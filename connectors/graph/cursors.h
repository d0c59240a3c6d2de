// What a pull remembers between runs. Both are JSON, opaque to whoever keeps them; one that cannot be read counts as none.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/base/clock.h"

namespace kopial::graph {

struct Folder {
  std::string name, parent;  // parent: a folder id
  bool hidden = false;
  bool virtual_folder = false;  // a search folder shows what lies elsewhere
  std::uint64_t items = 0;      // as the service counts; not remembered
  bool beside = false;          // of the Recoverable Items, which lie beside the tree
};

// The mailbox's own cursor: its folder tree as last seen.
struct TreeCursor {
  std::string root;                        // id of the top folder, which is no folder of its own
  std::string delta;                       // the link that tells what has changed
  std::map<std::string, Folder> folders;   // by id
  std::map<std::string, std::string> well_known;  // name -> id, of the names that were asked for; id "" = there is none
  std::int64_t hidden_looked_at = 0;       // seconds since 1970: when all folders were searched for hidden ones
};
std::string encode(const TreeCursor& cursor);
TreeCursor decode_tree_cursor(const std::string& text);

// One folder's cursor.
struct FolderCursor {
  std::string link;                    // deltaLink, or the nextLink where an unfinished listing goes on
  bool finished = false;               // `link` is a deltaLink
  bool comparing = false;              // the sync state was lost, and the listing that says what has vanished did not come to its end
  struct Missing {
    std::string id, received;          // RFC 3339
  };
  std::vector<Missing> missing;        // listed, and not yet fetched: asked for again first
};
std::string encode(const FolderCursor& cursor);
FolderCursor decode_folder_cursor(const std::string& text);

}  // namespace kopial::graph
