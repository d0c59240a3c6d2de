// One mailbox as it is now, without cursors: what reconciliation compares with.
#pragma once

#include <map>
#include <set>

#include "connectors/graph/item_fetch.h"
#include "connectors/source.h"

namespace kopial::graph {

// The folders of a mailbox as last read, so that single questions do not read the whole tree anew.
struct KnownTree {
  std::map<std::string, std::string> paths;  // id -> path
  std::set<std::string> chosen;              // ids of those that are archived
  std::vector<std::string> left_out;         // paths of the others
};
Result<KnownTree> read_tree(Service& service, const SourceMailbox& mailbox, std::stop_token stop, std::atomic<std::uint64_t>* requests = nullptr);

// Pages of ids of all folders that are archived. Mail that comes and goes between two pages of a folder shifts them: an item may be
// missed, and is then asked for by `locate_item` before anybody calls it vanished.
Result<ListReport> list_mailbox(Service& service, const SourceMailbox& mailbox, const KnownTree& tree, ListingSink& sink, std::stop_token stop);

// nullopt when there is no such item any more; its folder is "" when that is not archived.
Result<std::optional<SourceItem>> locate_item(Service& service, const SourceMailbox& mailbox, const KnownTree& tree, const std::string& item, std::stop_token stop);

}  // namespace kopial::graph
