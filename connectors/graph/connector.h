// Microsoft 365 through Microsoft Graph: which mailboxes there are, and one mailbox as events.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/events.h"
#include "connectors/http/client.h"
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

// Thread-safe: several mailboxes are pulled at once from several threads.
class GraphConnector {
 public:
  static std::unique_ptr<GraphConnector> make(EntraApp app, GraphOptions options, HttpClient& http, Clock& clock);
  virtual ~GraphConnector() = default;

  // Tries token and one directory read. The error is a sentence for an administrator.
  virtual Result<void> check(std::stop_token stop) = 0;
  // All mailboxes the application may know about. Users without a mailbox are found out by `pull`.
  virtual Result<std::vector<SourceMailbox>> mailboxes(std::stop_token stop) = 0;
  virtual Result<SourceMailbox> mailbox(const std::string& upn_or_id, std::stop_token stop) = 0;
  // Folder tree, then every folder's delta. Costs requests in proportion to what changed.
  // Fails with not_found (no such mailbox, or on-premises), denied (out of the application's scope), cancelled, unavailable.
  virtual Result<PullReport> pull(const SourceMailbox& mailbox, EventSink& sink, std::stop_token stop) = 0;
};

}  // namespace kopial
