// One mailbox as it is now, without cursors: what reconciliation compares with.
#pragma once

#include "connectors/graph/item_fetch.h"
#include "connectors/source.h"

namespace kopial::graph {

// Pages of ids of all folders that are archived. Mail that comes and goes between two pages of a folder shifts them: an item may be
// missed, and is then asked for by `locate_item` before anybody calls it vanished.
Result<ListReport> list_mailbox(Service& service, const SourceMailbox& mailbox, ListingSink& sink, std::stop_token stop);

// nullopt when there is no such item any more.
Result<std::optional<SourceItem>> locate_item(Service& service, const SourceMailbox& mailbox, const std::string& item, std::stop_token stop);

}  // namespace kopial::graph
