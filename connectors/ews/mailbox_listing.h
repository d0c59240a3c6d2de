// One mailbox as it is now, without cursors: what reconciliation compares with.
#pragma once

#include "connectors/ews/folder_tree.h"
#include "connectors/source.h"

namespace kopial::ews {

// The folders of a mailbox as last read, so that single questions do not read the whole tree anew.
struct KnownTree {
  std::map<std::string, std::string> paths;  // id -> path, as the archive has it
  std::set<std::string> chosen;              // ids of those that are archived
  std::vector<std::string> left_out;         // paths of the others that hold mail
};
Result<KnownTree> read_tree(const Asker& asker, const std::string& prefix);

Result<ListReport> list_mailbox(const Asker& asker, const KnownTree& tree, ListingSink& sink);

// nullopt when there is no such item any more; its folder is "" when that is not archived.
Result<std::optional<SourceItem>> locate_item(const Asker& asker, const KnownTree& tree, const std::string& item);

}  // namespace kopial::ews
