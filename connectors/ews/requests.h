// The requests this connector sends, as the schema of Exchange 2013 SP1 has them: each the child of soap:Body.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"

namespace kopial::ews {

// A folder to ask for: by id, or by its distinguished name.
struct FolderRef {
  std::string id;             // opaque
  std::string distinguished;  // "inbox"; used when id is ""
  std::string mailbox;        // address whose distinguished folder is meant, without impersonation
};
FolderRef folder_by_id(std::string id);
FolderRef folder_by_name(std::string distinguished, std::string mailbox = "");

struct ItemRef {
  std::string id, change_key;  // change_key may be ""
};

std::string get_folders(std::span<const FolderRef> folders);
std::string sync_folder_hierarchy(const FolderRef& root, const std::string& state);
std::string find_folders(const FolderRef& parent, std::size_t offset, std::size_t limit);
std::string sync_folder_items(const std::string& folder, const std::string& state, std::size_t changes_max);
// Items modified at or after `since`, oldest modification first; nullopt: all of them.
std::string find_items(const std::string& folder, std::optional<Time> since, std::size_t offset, std::size_t limit);
enum class Shape { mime, everything, listed };  // everything: all properties, no MIME; listed: what listings have, and the folder
std::string get_items(std::span<const ItemRef> items, Shape shape);
std::string delete_item(const ItemRef& item);
std::string move_item(const ItemRef& item, const std::string& folder);
std::string create_folder(const FolderRef& parent, const std::string& name);
struct NewItem {
  BytesView mime;
  std::optional<Time> received, sent;
  bool unread = false;
  std::string marker;  // written into a property of our own; "" = none
};
// Items of the folder that carry the marker.
std::string find_marked(const std::string& folder, const std::string& marker);
std::string create_items(const std::string& folder, std::span<const NewItem> items);
std::string searchable_mailboxes();
std::string resolve_name(const std::string& address);

}  // namespace kopial::ews
