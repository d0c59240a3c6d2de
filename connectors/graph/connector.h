// Microsoft 365 through Microsoft Graph: which mailboxes there are, and one mailbox as events.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/http/client.h"
#include "connectors/http/request_gate.h"
#include "connectors/oauth/client_credentials.h"
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
  std::optional<ClientCertificate> certificate;  // used instead of the secret
  AssertionForm assertion_form = AssertionForm::ps256;
};

// Where Microsoft's clouds are. nullptr for a name that is none of them.
struct Cloud {
  std::string_view name;  // "global", "us_government", "us_government_dod", "china"
  std::string_view authority, graph_url, exchange_url;
};
const Cloud* find_cloud(std::string_view name);

// How this application signs in for Graph.
ClientCredentials graph_credentials(const EntraApp& app);

struct GraphOptions {
  std::size_t requests_per_mailbox = 4;   // the service's own limit
  std::size_t requests_in_flight = 64;    // over all mailboxes of this application
  // The service allows an application 10,000 requests of one mailbox in ten minutes; the rest is for whoever else uses it.
  std::uint32_t requests_per_window = 9'500;
  std::size_t page_size = 200;
  std::uint64_t message_bytes_max = 256ull << 20;
  std::chrono::seconds retry_wait_max{600};
  int attempts_max = 8;
  std::vector<std::string> exclude_folders;  // well-known names ("junkemail") or paths; children included
  std::vector<std::string> include_folders;  // empty: all
  std::optional<Time> since, until;          // of receivedDateTime
  bool unread = true;              // false: mail is taken once it has been read
  bool recoverable_items = false;  // below the path "Recoverable Items"
};

// What several sources that sign in as the same application share: its token, and the service's limits for it. Must outlive them.
struct GraphShared {
  TokenSource& tokens;
  RequestGate& gate;
};

// Microsoft 365 as a source. The HTTP client and the clock must outlive it.
std::unique_ptr<Source> make_graph_source(EntraApp app, GraphOptions options, HttpClient& http, Clock& clock, std::optional<GraphShared> shared = std::nullopt);

}  // namespace kopial
