// What runs with the same credential share, also one after the other: connections, tokens, and the service's limits.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/settings.h"
#include "connectors/http/client.h"
#include "connectors/http/request_gate.h"
#include "connectors/oauth/client_credentials.h"
#include "server/archiving/credentials.h"
#include "storage/base/guarded.h"

namespace kopial {

// Thread-safe. A service counts an application's requests whichever run they belong to, so the gate belongs to the application.
class Connections {
 public:
  Connections(const Settings& settings, Clock& clock) : settings_(settings), clock_(clock) {}

  struct Graph {
    std::unique_ptr<HttpClient> http;
    std::unique_ptr<TokenSource> tokens;
    std::shared_ptr<RequestGate> gate;
  };
  // Kept until the credential changes. Fails with invalid when the configuration's allowed hosts cannot be read.
  Result<std::shared_ptr<Graph>> graph(const std::string& tenant, const Credential& credential);

 private:
  struct Kept {
    std::uint64_t revision = 0;
    std::shared_ptr<Graph> graph;
  };
  struct All {
    std::map<std::pair<std::string, std::string>, Kept> kept;           // tenant, credential
    std::map<std::string, std::weak_ptr<RequestGate>> gates;            // directory, application, cloud
  };
  const Settings& settings_;
  Clock& clock_;
  Guarded<All> all_;
};

}  // namespace kopial
