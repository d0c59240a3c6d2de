// Microsoft 365 through Microsoft Graph: which mailboxes there are, and one mailbox as events.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/http/client.h"
#include "connectors/source.h"
#include "storage/base/secret.h"

namespace kopial {

// An application registered in Entra ID.
struct EntraApp {
  std::string directory_id;
  std::string client_id;
  Secret client_secret;
  std::string authority = "https://login.microsoftonline.com";
  std::string graph_url = "https://graph.microsoft.com";
};

struct GraphOptions {
  std::size_t requests_per_mailbox = 4;   // the service's own limit
  std::size_t requests_in_flight = 32;    // over all mailboxes of this connector
  std::size_t page_size = 200;
  std::uint64_t message_bytes_max = 256ull << 20;
  std::chrono::seconds retry_wait_max{600};
  int attempts_max = 8;
  std::vector<std::string> exclude_folders;  // well-known names ("junkemail") or paths; children included
  std::vector<std::string> include_folders;  // empty: all
  std::optional<Time> since, until;          // of receivedDateTime
};

// Microsoft 365 as a source. The HTTP client and the clock must outlive it.
std::unique_ptr<Source> make_graph_source(EntraApp app, GraphOptions options, HttpClient& http, Clock& clock);

}  // namespace kopial
