// Public folders of an Exchange Server: each folder with mail is a mailbox of its own here, and gets an archive of its own.
//
// Nothing syncs there: items are listed in the order of their modification from a watermark, with an overlap, and all ids are compared when
// the folder's count says that something is gone, and once a day.
#pragma once

#include "connectors/ews/connector.h"

namespace kopial {

// A folder's id is its own; its upn is its path below the top ("Projects/2026"). Requests are routed to the mailbox that holds the tree, and
// to the one that holds a folder's content, where Autodiscover tells them.
std::unique_ptr<Source> make_public_folder_source(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock);

}  // namespace kopial
