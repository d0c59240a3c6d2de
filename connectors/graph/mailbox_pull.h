// One mailbox: its folder tree, then its folders, a few at a time.
#pragma once

#include "connectors/graph/service.h"

namespace kopial::graph {

Result<PullReport> pull_mailbox(Service& service, const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token stop);

// ".../users/<id>"
std::string mailbox_url(const Service& service, const SourceMailbox& mailbox);

}  // namespace kopial::graph
