// One mailbox: its folder trees, then its folders, a few at a time.
#pragma once

#include "connectors/ews/service.h"
#include "connectors/source.h"

namespace kopial::ews {

Result<PullReport> pull_mailbox(Service& service, const Target& target, const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token stop);

}  // namespace kopial::ews
