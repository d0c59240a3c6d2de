// The REST interface: routes with what they need, tied to the services below.
//
// A resource is one file server/api/<resource>.cc with one function add_<resource>_routes(Api&). Api authenticates, finds the tenant
// ({t} of another tenant is 404, so tenants cannot see each other), checks the need, bounds the body, then calls the handler.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/http/message.h"
#include "server/people/access.h"
#include "server/people/caller.h"

namespace kopial {

class Notary;  // server/care/notary.h

struct Services;  // server/services.h

struct ApiCall {
  const http::Request& request;
  const Caller& caller;  // without user for Need::nobody
  Services& services;
  std::string slug;  // of a /tenants/{t}/… route
  // Captures of the pattern after {t}, decoded, in order.
  std::vector<std::string> captures;
  Tenant& tenant() const { return *caller.tenant; }  // precondition: a /tenants/{t}/… route with a tenant's caller
};

using ApiHandler = std::function<http::Response(const ApiCall&)>;

struct ApiRoute {
  std::string method;
  std::string pattern;  // "/api/v1/tenants/{t}/archives/{a}"
  Need need = Need::member;
  ApiHandler handler;
  std::uint64_t body_bytes_max = 1 << 20;
};

class Api {
 public:
  explicit Api(Services& services) : services_(services) {}
  void add(ApiRoute route);
  // Answers whatever no route matches; GET only.
  void set_fallback(std::function<http::Response(const http::Request&)> fallback) { fallback_ = std::move(fallback); }
  http::Response handle(const http::Request& request) const;
  std::uint64_t body_limit(const http::Request& request) const;
  const std::vector<ApiRoute>& routes() const { return routes_; }
  Services& services() const { return services_; }

 private:
  struct Match {
    const ApiRoute* route = nullptr;
    std::string slug;
    std::vector<std::string> captures;
    std::vector<std::string> allowed;  // methods of routes with this path
  };
  Match match(const http::Request& request) const;
  http::Response answer(const Match& match, const http::Request& request) const;

  Services& services_;
  std::vector<ApiRoute> routes_;
  std::function<http::Response(const http::Request&)> fallback_;
};

// The version an update was made for: the number in If-Match ("3"), or nullopt without one. invalid when it is no version.
Result<std::optional<std::uint64_t>> if_match(const http::Request& request);

void add_session_routes(Api& api);      // sessions
void add_identity_routes(Api& api);     // identity providers, own sessions, the second factor
void add_passkey_routes(Api& api);      // passkeys: one's own, and signing in with them
void add_token_routes(Api& api);        // API tokens, app passwords
void add_tenant_routes(Api& api);       // tenants, audit, status
void add_user_routes(Api& api);         // users
void add_directory_routes(Api& api);    // directories, people, groups
void add_grant_routes(Api& api);        // grants, access requests, the access policy
void add_archive_routes(Api& api);      // archives, folders, browsing
void add_credential_routes(Api& api);   // credentials
void add_credential_check_routes(Api& api);  // credentials/{k}/check
void add_profile_routes(Api& api);      // profiles, runs, their events
void add_completeness_routes(Api& api);  // reports/completeness
void add_restore_routes(Api& api);     // restores
void add_journal_routes(Api& api);     // messages/{m}/envelope
void add_import_routes(Api& api);       // messages/import
void add_search_routes(Api& api);       // search
void add_message_routes(Api& api);      // messages, copies, attachments, quarantine
void add_evidence_routes(Api& api, const Notary& notary);  // checkpoint, tiles, proofs, a message's integrity report
void add_system_routes(Api& api);       // healthz, readyz, metrics, openapi.json, the browser application

}  // namespace kopial
