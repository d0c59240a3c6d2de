// What a pull remembers between runs. All are JSON, opaque to whoever keeps them; one that cannot be read counts as none.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/base/clock.h"

namespace kopial::ews {

struct Folder {
  std::string name, parent;  // parent: a folder id
  std::string kind;          // its class, "IPF.Note"
  std::string root;          // distinguished name of the tree it belongs to
  bool virtual_folder = false;  // a search folder shows what lies elsewhere
  std::uint64_t items = 0;      // as the server counts; not remembered
};

// The mailbox's own cursor: its folder trees as last seen.
struct TreeCursor {
  struct Root {
    std::string id;     // of the top folder, which is no folder of its own
    std::string state;  // sync state of the hierarchy below it
  };
  std::map<std::string, Root> roots;              // by distinguished name
  std::map<std::string, Folder> folders;          // by id
  std::map<std::string, std::string> well_known;  // distinguished name -> id, of the names that were asked for; id "" = there is none
  std::int64_t names_asked_at = 0;                // seconds since 1970
};
std::string encode(const TreeCursor& cursor);
TreeCursor decode_tree_cursor(const std::string& text);

// One folder's cursor.
struct FolderCursor {
  std::string state;      // sync state, opaque
  bool finished = false;  // the listing went to its end once
  bool comparing = false; // the state was lost, and the listing that says what has vanished did not come to its end: it begins again
  struct Missing {
    std::string id, change_key, received;  // received: RFC 3339
    std::uint64_t size = 0;
  };
  std::vector<Missing> missing;  // listed, and not yet fetched: asked for again first
  // Where nothing syncs: everything modified before this was seen, and when all ids were last compared.
  std::string watermark;              // RFC 3339; "" = from the beginning
  std::int64_t compared_at = 0;       // seconds since 1970
};
std::string encode(const FolderCursor& cursor);
FolderCursor decode_folder_cursor(const std::string& text);

}  // namespace kopial::ews
