#include "server/archiving/connections.h"

#include "connectors/graph/connector.h"

namespace kopial {

Result<std::shared_ptr<Connections::Graph>> Connections::graph(const std::string& tenant, const Credential& credential) {
  return all_.with([&](All& all) -> Result<std::shared_ptr<Graph>> {
    auto& kept = all.kept[{tenant, credential.id}];
    if (kept.graph && kept.revision == credential.revision) return kept.graph;
    HttpClientOptions options;
    options.allowed_hosts = settings_.connectors.allowed_hosts;
    options.ca_pem = credential.ca_pem;
    auto http = HttpClient::make(std::move(options));
    if (!http) return http.error();
    auto made = std::make_shared<Graph>();
    made->http = *std::move(http);
    made->tokens = TokenSource::make(graph_credentials(credential.app), *made->http, clock_);
    auto& gate = all.gates[credential.app.directory_id + "/" + credential.app.client_id + "/" + credential.app.graph_url];
    made->gate = gate.lock();
    if (!made->gate) {
      const GraphOptions limits;
      made->gate = std::make_shared<RequestGate>(limits.requests_per_mailbox, limits.requests_in_flight, clock_, limits.requests_per_window);
      gate = made->gate;
    }
    kept = {credential.revision, made};
    return made;
  });
}

}  // namespace kopial
