// Where a mailbox is served (Autodiscover): as JSON (version 2), then as plain XML (POX).
//
// A password is sent only to hosts that belong to the address's domain, or that the operator named: an answer that points elsewhere is
// refused and named.
#pragma once

#include "connectors/ews/service.h"

namespace kopial::ews {

class Autodiscover {
 public:
  Autodiscover(const ExchangeAccount& account, HttpClient& http, std::shared_ptr<const HttpSignIn> sign_in)
      : base_(account.autodiscover), http_(http), sign_in_(std::move(sign_in)) {}

  // The address of EWS for this mailbox. Fails with not_found (no such mailbox, or it lies in Microsoft 365), denied, unavailable.
  Result<std::string> ews_url(const std::string& address, std::stop_token stop);
  // The address a mailbox goes by, which may be asked for as GUID@domain.
  Result<std::string> smtp_address(const std::string& name, std::stop_token stop);

  struct PublicFolders {
    std::string hierarchy_mailbox;  // "": the server says none
    std::string server;             // GUID@domain
  };
  // Which mailbox has the tree of public folders that this account sees.
  Result<PublicFolders> public_folders(const std::string& address, std::stop_token stop);

 private:
  struct Settings {
    std::string ews_url, smtp_address;
  };
  std::vector<std::string> bases(const std::string& address) const;
  bool may_ask(const std::string& url, const std::string& address) const;
  Result<HttpResponse> get(const std::string& url, std::stop_token stop);
  Result<HttpResponse> post(const std::string& url, std::string body, std::stop_token stop);
  Result<std::optional<std::string>> ask_json(const std::string& base, const std::string& address, std::stop_token stop);
  Result<Settings> ask_pox(const std::string& address, std::stop_token stop);
  Result<Settings> ask_pox_at(std::string url, std::string address, std::stop_token stop);

  const std::string base_;
  HttpClient& http_;
  const std::shared_ptr<const HttpSignIn> sign_in_;
};

}  // namespace kopial::ews
