// The folder trees of one mailbox: what people see, and, where wanted, the recoverable items.
#pragma once

#include <map>
#include <set>

#include "connectors/ews/cursors.h"
#include "connectors/ews/service.h"

namespace kopial::ews {

// What one pull of a mailbox asks with.
struct Asker {
  Service& service;
  Target target;
  std::stop_token stop;
  std::atomic<std::uint64_t>& requests;
  bool in_archive = false;  // the in-place archive of the mailbox is meant, not the mailbox itself
  Result<Answer> call(std::string body, std::uint64_t answer_bytes_max = 64ull << 20) const {
    return service.call(target, {.body = std::move(body), .answer_bytes_max = answer_bytes_max}, stop, &requests);
  }
};

// Paths of all folders, by id: names joined by '/', below "Recoverable Items" for that tree. A folder whose
// parent is not known lies at the top; a ring of parents, which no honest server sends, is cut.
std::map<std::string, std::string> folder_paths(const TreeCursor& tree);

// Whether there can be mail in it: no search folder, no calendar, no contacts.
bool holds_mail(const Folder& folder);
// Ids of the folders to archive: folders of mail, no search folders, nothing excluded by distinguished name or path (children included),
// and when something is included, only that.
std::set<std::string> chosen_folders(const TreeCursor& tree, const std::map<std::string, std::string>& paths, const EwsOptions& options);

// Whether Exchange has a folder of that name in each mailbox, whatever people call it.
bool is_distinguished(const std::string& name);

// Brings `tree` up to date: one request for each tree when nothing has changed. A finding is added when a sync state was lost.
// Fails with not_found or denied when the mailbox cannot be read at all.
Result<void> refresh_tree(const Asker& asker, TreeCursor& tree, std::vector<std::string>& findings);

}  // namespace kopial::ews
