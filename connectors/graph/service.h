// One request to Microsoft Graph and its answer, after everything that repeating can mend: throttling, passing failures, ended
// tokens, answers cut short.
#pragma once

#include <boost/json.hpp>

#include <atomic>
#include <memory>
#include <random>
#include <string>

#include "connectors/graph/connector.h"
#include "connectors/http/request_gate.h"
#include "connectors/oauth/client_credentials.h"
#include "storage/base/guarded.h"
#include "storage/base/json_fields.h"

namespace kopial::graph {

struct Call {
  std::string url;            // absolute, of the configured Graph base
  std::string mailbox;        // whose budget it counts against; "" = the directory's
  std::size_t page_size = 0;  // > 0: a collection. Halved and more when an answer is cut short
  bool raw = false;           // the answer is bytes, not JSON
  std::string method = "GET";
  Bytes body;
  bool page_in_url = false;   // the page size stands as $top in the URL, as plain listings want it; else it is a preference
  std::string if_match;       // an ETag; "" = whatever state it is in
  std::string content_type = "application/json";
  int attempts_max = 0;       // 0: as the options say
  bool once = false;          // not repeated when it may have been carried out already: the failure is given instead
};

// A complete answer that repeating will not change.
struct Answer {
  int status = 0;
  std::string code, message;  // of Graph's error object; "" when there is none
  boost::json::object json;   // of a JSON answer with status 2xx
  Bytes body;                 // of a raw one
  bool ok() const { return status >= 200 && status < 300; }
  bool has_code(std::initializer_list<std::string_view> codes) const;  // case-insensitive
  // Delta tokens that are no longer good, in all their forms.
  bool is_sync_reset() const;
  bool is_folder_gone() const;
  bool is_item_gone() const;     // there is no such item; any other 404 says less than that
  bool is_mailbox_gone() const;  // no mailbox in Exchange Online, or no user of that id
  Error error() const;  // precondition: !ok()
};

// Thread-safe.
class Service {
 public:
  Service(const EntraApp& app, const GraphOptions& options, HttpClient& http, Clock& clock, std::optional<GraphShared> shared = std::nullopt);

  // Fails with cancelled, unavailable and timeout (attempts used up), rate_limited (asked to wait longer than retry_wait_max), denied (signing
  // in, or a link to another host), too_large.
  Result<Answer> call(const Call& call, std::stop_token stop, std::atomic<std::uint64_t>* requests = nullptr);

  // Sends bytes in pieces to the address of an upload session, which is its own permission: no token goes there.
  Result<void> upload(const std::string& url, BytesView bytes, const std::string& mailbox, std::stop_token stop);

  const std::string& base() const { return base_; }      // ".../v1.0"
  const std::string& origin() const { return origin_; }  // without a version, for what only "beta" has
  const GraphOptions& options() const { return options_; }
  Clock& clock() const { return clock_; }

 private:
  Result<HttpResponse> send(const Call& call, const Secret& token, std::size_t page_size, std::stop_token stop);
  std::chrono::milliseconds next_backoff(int attempt);

  const std::string origin_, base_;
  const GraphOptions options_;
  HttpClient& http_;
  Clock& clock_;
  const std::unique_ptr<TokenSource> own_tokens_;  // null when they are shared
  const std::unique_ptr<RequestGate> own_gate_;
  TokenSource& tokens_;
  RequestGate& gate_;
  Guarded<std::minstd_rand> random_;
};

// As the other fields of Graph's objects (storage/base/json_fields.h): null when it is absent or of another type.
const boost::json::array* list(const boost::json::object& object, std::string_view name);

}  // namespace kopial::graph
