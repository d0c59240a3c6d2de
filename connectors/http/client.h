// The one outgoing HTTP client: every request that leaves Kopial goes through here.
//
// libcurl behind a blocking call: TLS verified, hosts checked against an allow list, redirects never followed by themselves,
// answers bounded. Retries are the caller's, through connectors/http/retry.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

// Signing in with a user's name and password, where a server asks for that (RFC 7617, NTLM, RFC 4559). Kept for a connection by NTLM and
// Negotiate, so requests of one user share connections with no other's.
struct HttpSignIn {
  enum class Scheme : std::uint8_t { basic, ntlm, negotiate } scheme = Scheme::basic;
  std::string username;  // "DOMAIN\\user" or a user principal name
  Secret password;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // absolute, https (http only to loopback addresses)
  std::vector<std::pair<std::string, std::string>> headers;
  Bytes body;
  std::shared_ptr<const HttpSignIn> sign_in;  // null: the headers say who asks, or nobody does
  std::chrono::milliseconds timeout{120'000};   // of the whole exchange
  // libcurl repeats by itself what it sent on a kept connection that then died without an answer, whether it was carried out or not. True: a
  // new connection, on which it does not. (NTLM and Negotiate go on with a connection in any case.)
  bool once = false;
  std::uint64_t body_bytes_max = 256ull << 20;  // of the answer: more is too_large
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  Bytes body;
  std::optional<std::string> header(std::string_view lower_case_name) const;
};

struct HttpClientOptions {
  std::vector<std::string> allowed_hosts;  // empty: any; else host names, "*.example.org" or CIDR
  std::string ca_pem;                      // trusted beside the system's authorities; "" = the system's only
  std::string user_agent = "Kopial/0.1";
  std::size_t connections_max = 80;
};

// Thread-safe.
class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> make(HttpClientOptions options);
  virtual ~HttpClient() = default;
  // Fails with timeout, unavailable (no connection, broken off: the message names host and cause), too_large, denied (host not
  // allowed), cancelled. Any complete answer, whatever its status, is a value.
  virtual Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) = 0;
};

}  // namespace kopial
