// One message's bytes, and what is done when Exchange cannot make a message of the item.
#pragma once

#include "connectors/graph/service.h"

namespace kopial::graph {

// Who is asked, and where the answer goes.
struct FetchContext {
  Service& service;
  const std::string& url;      // of the mailbox
  const std::string& mailbox;  // whose budget requests count against
  EventSink& sink;
  std::stop_token stop;
  std::atomic<std::uint64_t>* requests = nullptr;
};

// Gives the item to the sink: as message; as vanished when it has gone; as quarantined with what Graph tells of it when there are no
// bytes to be had. nullopt: done. Else the failure that may be over next time, which the sink has not heard of.
Result<std::optional<Error>> fetch_item(const FetchContext& context, const SourceItem& item);

// What every listing asks of a message, and the item that it describes. Recipients are not asked for: they make pages slow, and
// sometimes cut them short. The rest is in the message itself.
inline constexpr std::string_view kItemFields = "id,parentFolderId,changeKey,receivedDateTime,isDraft,isRead,flag";
SourceItem read_item(const boost::json::object& listed, std::string folder, Time now);

}  // namespace kopial::graph
