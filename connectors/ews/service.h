// One request to Exchange and its answer, after everything that repeating can mend: back-offs as the server says them, passing
// failures, ended tokens, answers cut short.
#pragma once

#include <atomic>
#include <map>
#include <random>

#include "connectors/ews/connector.h"
#include "connectors/ews/xml.h"
#include "connectors/http/request_gate.h"
#include "connectors/oauth/client_credentials.h"
#include "storage/base/guarded.h"

namespace kopial::ews {

// Whose mailbox is asked, and by what way.
struct Target {
  std::string url;                    // of Exchange.asmx
  std::string mailbox;                // SMTP address that is impersonated, and whose budget it counts against; "": the account's own
  std::string anchor;                 // X-AnchorMailbox; "": `mailbox`
  std::string public_folder_mailbox;  // X-PublicFolderMailbox, when it is about public folders
};

struct Call {
  std::string body;  // the child of soap:Body
  std::uint64_t answer_bytes_max = 64ull << 20;
  std::chrono::milliseconds timeout{180'000};
  int attempts_max = 0;  // 0: as the options say
  bool once = false;     // not repeated when it may have been carried out already: the failure is given instead
};

// What Exchange says about one of the things asked for.
struct Message {
  Node node;
  std::string code;  // "NoError", "ErrorItemNotFound" ...
  std::string text;
  std::optional<std::chrono::milliseconds> back_off;

  bool ok() const { return code == "NoError"; }
  bool is(std::initializer_list<std::string_view> codes) const;
  bool is_transient() const;            // asking again may help
  bool is_conversion_failure() const;   // Exchange cannot make MIME of it, today or tomorrow
  Error error() const;                  // precondition: !ok()
};

struct Answer {
  std::vector<Message> messages;  // one for each thing asked for, in the same order; never empty
  Node body;                      // where the operation has no response messages
};

// A response code as an error with a sentence for an administrator.
Error error_of_code(const std::string& code, const std::string& text);

// Thread-safe.
class Service {
 public:
  Service(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock);

  // Fails with cancelled, unavailable (attempts used up), timeout, rate_limited (asked to wait longer than retry_wait_max), denied,
  // not_found (no such mailbox), too_large. A single thing that fails inside a complete answer is a message of it. When every message is
  // transient the request is repeated here.
  Result<Answer> call(const Target& target, const Call& call, std::stop_token stop, std::atomic<std::uint64_t>* requests = nullptr);

  const ExchangeAccount& account() const { return account_; }
  const EwsOptions& options() const { return options_; }
  Clock& clock() const { return clock_; }
  HttpClient& http() const { return http_; }
  std::shared_ptr<const HttpSignIn> sign_in() const { return sign_in_; }  // null with bearer
  std::string server_version() const;  // "15.2.1748.10"; "" before the first answer

 private:
  struct Round;  // what one exchange came to
  Result<HttpResponse> send(const Target& target, const Call& call, const Secret& token, std::stop_token stop);
  Round read(Result<HttpResponse> response, const Target& target);
  Error refusal(const HttpResponse& response) const;
  TokenSource* tokens(const std::string& url);
  std::chrono::milliseconds next_backoff(int attempt);
  std::string envelope(const Target& target, const std::string& body) const;

  const ExchangeAccount account_;
  const EwsOptions options_;
  HttpClient& http_;
  Clock& clock_;
  std::shared_ptr<const HttpSignIn> sign_in_;
  Guarded<std::map<std::string, std::unique_ptr<TokenSource>>> tokens_;  // by origin: a token names the server it is for
  RequestGate gate_;
  Guarded<std::minstd_rand> random_;
  Guarded<std::string> version_;
};

}  // namespace kopial::ews
