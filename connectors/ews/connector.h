// Exchange Server through Exchange Web Services: mailboxes as the same events as every other source.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/http/client.h"
#include "connectors/source.h"
#include "storage/base/secret.h"

namespace kopial {

// Who signs in to Exchange, and where.
struct ExchangeAccount {
  std::string ews_url;       // "https://mail.example.org/EWS/Exchange.asmx"; "": each mailbox's is found by Autodiscover
  std::string autodiscover;  // "https://autodiscover.example.org"; "": the hosts that belong to each address's domain
  enum class Auth : std::uint8_t { basic, ntlm, negotiate, bearer } auth = Auth::basic;
  std::string username;  // "DOMAIN\\user" or a user principal name
  Secret password;
  // Of bearer: the application whose tokens the server trusts (hybrid modern authentication).
  std::string authority, directory_id, client_id;
  Secret client_secret;
};

struct EwsOptions {
  std::size_t requests_per_mailbox = 4;
  std::size_t requests_in_flight = 20;  // below Exchange's default of 27 for an account
  std::size_t changes_per_page = 512;   // the most SyncFolderItems gives
  std::size_t items_per_request = 10;   // Microsoft's recommendation: the server charges and waits item by item
  std::uint64_t bytes_per_request = 20ull << 20;
  std::uint64_t message_bytes_max = 256ull << 20;
  std::chrono::seconds retry_wait_max{600};
  int attempts_max = 8;
  bool impersonate = true;         // false: the account has FullAccess to each mailbox
  bool unread = true;              // false: mail is taken once it has been read
  bool recoverable_items = false;  // below the path "Recoverable Items"
  std::vector<std::string> exclude_folders;  // distinguished names ("junkemail") or paths; children included
  std::vector<std::string> include_folders;  // empty: all
  std::optional<Time> since, until;          // of the time of receipt
};

// A mailbox's id is that of its top folder: it stays when people and databases change their names. An in-place archive is a further
// mailbox of its owner.
std::unique_ptr<Source> make_ews_source(ExchangeAccount account, EwsOptions options, HttpClient& http, Clock& clock);

}  // namespace kopial
