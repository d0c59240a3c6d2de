#include "server/archiving/open_source.h"

#include "connectors/ews/connector.h"
#include "connectors/ews/public_folders.h"
#include "connectors/graph/connector.h"
#include "server/archiving/credentials.h"
#include "server/archiving/profiles.h"

namespace kopial {
namespace {

template <typename Options>
Options options_of(const Profile& profile, const Settings& settings) {
  Options options;
  options.message_bytes_max = settings.limits.message_bytes_max;
  options.include_folders = profile.include_folders;
  options.exclude_folders = profile.exclude_folders;
  if (profile.default_folder_exclusions) {
    const auto& defaults = default_folder_exclusions();
    options.exclude_folders.insert(options.exclude_folders.end(), defaults.begin(), defaults.end());
  }
  options.since = profile.since;
  options.until = profile.until;
  options.unread = profile.unread;
  options.recoverable_items = profile.recoverable_items;
  return options;
}

}  // namespace

bool is_profile_kind(const std::string& kind) { return kind == "graph" || kind == "ews" || kind == "ews_journal" || kind == "ews_public_folders"; }

Result<OpenSource> open_source(Tenant& tenant, const Profile& profile, const RunEnvironment& environment) {
  auto credential = find_credential(tenant, profile.credential);
  if (!credential) return credential.error();
  if (!*credential) return Error{ErrorCode::not_found, "the credential of this profile does not exist any more"};
  if (profile.kind == "graph") {
    if ((*credential)->kind != "entra_app") return Error{ErrorCode::invalid, "a profile of kind graph needs a credential of kind entra_app"};
    auto shared = environment.connections.graph(tenant.facts().slug, **credential);
    if (!shared) return shared.error();
    OpenSource opened{*shared, nullptr};
    opened.source = make_graph_source((*credential)->app, options_of<GraphOptions>(profile, environment.settings), *(*shared)->http, environment.clock, GraphShared{*(*shared)->tokens, *(*shared)->gate});
    return opened;
  }
  if (profile.kind == "ews" || profile.kind == "ews_journal" || profile.kind == "ews_public_folders") {
    if ((*credential)->kind != "exchange") return Error{ErrorCode::invalid, "a profile of kind " + profile.kind + " needs a credential of kind exchange"};
    HttpClientOptions client_options;
    client_options.allowed_hosts = environment.settings.connectors.allowed_hosts;
    client_options.ca_pem = (*credential)->ca_pem;
    auto http = HttpClient::make(std::move(client_options));
    if (!http) return http.error();
    const std::shared_ptr<HttpClient> client = *std::move(http);
    const auto make = profile.kind == "ews_public_folders" ? make_public_folder_source : make_ews_source;
    OpenSource opened{client, nullptr};
    opened.source = make((*credential)->exchange, options_of<EwsOptions>(profile, environment.settings), *client, environment.clock);
    return opened;
  }
  return Error{ErrorCode::invalid, "profiles of kind '" + profile.kind + "' cannot be run by this version"};
}

}  // namespace kopial
