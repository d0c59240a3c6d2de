#include "connectors/ews/autodiscover.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "connectors/http/url.h"

namespace kopial::ews {
namespace {

constexpr int kHopsMax = 10;
constexpr std::uint64_t kAnswerMax = 1 << 20;

std::string folded(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}
std::string domain_of(const std::string& address) { return folded(address.substr(std::min(address.size(), address.rfind('@') + 1))); }

bool is_in_cloud(const std::string& url) {
  const auto parts = split_url(url);
  return parts && (parts->host == "outlook.office365.com" || parts->host.ends_with(".outlook.com") || parts->host.ends_with(".office365.com") ||
                   parts->host.ends_with(".office365.us") || parts->host.ends_with(".outlook.cn"));
}
Error in_cloud(const std::string& address) {
  return {ErrorCode::not_found, address + " lies in Microsoft 365, not on this Exchange: archive it with a profile of kind graph"};
}

HttpRequest request_to(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.timeout = std::chrono::seconds(30);
  request.body_bytes_max = kAnswerMax;
  return request;
}

}  // namespace

std::vector<std::string> Autodiscover::bases(const std::string& address) const {
  if (!base_.empty()) return {base_.ends_with('/') ? base_.substr(0, base_.size() - 1) : base_};
  const auto domain = domain_of(address);
  return {"https://autodiscover." + domain, "https://" + domain};
}

bool Autodiscover::may_ask(const std::string& url, const std::string& address) const {
  if (!base_.empty() && same_origin(url, base_)) return true;
  const auto parts = split_url(url);
  const auto domain = domain_of(address);
  return parts && parts->scheme == "https" && (parts->host == domain || parts->host.ends_with("." + domain));
}

Result<HttpResponse> Autodiscover::get(const std::string& url, std::stop_token stop) { return http_.send(request_to(url), stop); }

Result<HttpResponse> Autodiscover::post(const std::string& url, std::string body, std::stop_token stop) {
  auto request = request_to(url);
  request.method = "POST";
  request.headers = {{"Content-Type", "text/xml; charset=utf-8"}};
  request.body = std::move(body);
  request.sign_in = sign_in_;
  return http_.send(request, stop);
}

// nullopt: this host does not speak version 2, or does not know; not_found is its own word only when nobody else may know better.
Result<std::optional<std::string>> Autodiscover::ask_json(const std::string& base, const std::string& address, std::stop_token stop) {
  auto response = get(base + "/autodiscover/autodiscover.json/v1.0/" + percent_encode(address) + "?Protocol=EWS", stop);
  if (!response) {
    if (response.error().code == ErrorCode::cancelled || response.error().code == ErrorCode::denied) return response.error();
    return std::optional<std::string>();
  }
  if (response->status != 200) return std::optional<std::string>();
  boost::json::error_code bad;
  const auto value = boost::json::parse(response->body, bad);
  if (bad || !value.is_object()) return std::optional<std::string>();
  const auto* url = value.get_object().if_contains("Url");
  if (url == nullptr || !url->is_string()) return std::optional<std::string>();
  return std::optional(std::string(url->get_string()));
}

Result<Autodiscover::Settings> Autodiscover::ask_pox_at(std::string url, std::string address, std::stop_token stop) {
  for (int hop = 0; hop < kHopsMax; ++hop) {
    Writer writer;
    writer.open("Autodiscover").attribute("xmlns", "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006").open("Request");
    writer.element("EMailAddress", address).element("AcceptableResponseSchema", "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a").close().close();
    auto response = post(url, writer.take(), stop);
    if (!response) return response.error();
    if (response->status == 301 || response->status == 302 || response->status == 307) {
      const auto to = response->header("location").value_or("");
      if (!may_ask(to, address)) return Error{ErrorCode::denied, fmt::format("Autodiscover of {} points to {}, which is not sent a password: name it as 'autodiscover' if it is right", address, to)};
      url = to;
      continue;
    }
    if (response->status == 401) return Error{ErrorCode::denied, "Autodiscover at " + url + " refused the sign-in"};
    if (response->status != 200) return Error{ErrorCode::unavailable, fmt::format("Autodiscover at {} answered {}", url, response->status)};
    auto root = parse(std::move(response->body));
    if (!root) return root.error();
    const auto* answer = root->child("Response");
    if (answer == nullptr) return Error{ErrorCode::unavailable, "Autodiscover at " + url + " answered nothing of use"};
    if (const auto* error = answer->child("Error")) return Error{ErrorCode::not_found, fmt::format("Autodiscover does not know {}: {}", address, error->child_text("Message"))};
    const auto* account = answer->child("Account");
    if (account == nullptr) return Error{ErrorCode::unavailable, "Autodiscover at " + url + " answered nothing of use"};
    const auto action = account->child_text("Action");
    if (action == "redirectAddr") {
      const auto to = account->child_text("RedirectAddr");
      if (folded(to).ends_with(".onmicrosoft.com")) return in_cloud(address);
      // Another address of this organisation, served here as well; one of another domain is asked for at its own hosts.
      if (domain_of(to) != domain_of(address)) return ask_pox(to, stop);
      address = to;
      continue;
    }
    if (action == "redirectUrl") {
      const auto to = account->child_text("RedirectUrl");
      if (!may_ask(to, address)) return Error{ErrorCode::denied, fmt::format("Autodiscover of {} points to {}, which is not sent a password: name it as 'autodiscover' if it is right", address, to)};
      url = to;
      continue;
    }
    Settings settings;
    if (const auto* user = answer->child("User")) settings.smtp_address = user->child_text("AutoDiscoverSMTPAddress");
    // The outer address (EXPR) comes before the inner one (EXCH), which may be a name that only the servers know.
    for (const auto* wanted : {"EXPR", "EXHTTP", "EXCH"}) {
      for (const auto& protocol : account->children) {
        if (protocol.name == "Protocol" && protocol.child_text("Type") == wanted && settings.ews_url.empty()) settings.ews_url = protocol.child_text("EwsUrl");
      }
    }
    return settings;
  }
  return Error{ErrorCode::unavailable, "Autodiscover of " + address + " goes in a circle"};
}

Result<Autodiscover::Settings> Autodiscover::ask_pox(const std::string& address, std::stop_token stop) {
  Error last{ErrorCode::unavailable, "Autodiscover of " + address + " is not answered"};
  for (const auto& base : bases(address)) {
    auto settings = ask_pox_at(base + "/autodiscover/autodiscover.xml", address, stop);
    if (settings) return settings;
    last = settings.error();
    if (last.code == ErrorCode::cancelled || last.code == ErrorCode::not_found) return last;
  }
  return last;
}

Result<std::string> Autodiscover::ews_url(const std::string& address, std::stop_token stop) {
  for (const auto& base : bases(address)) {
    auto url = ask_json(base, address, stop);
    if (!url) return url.error();
    if (!*url) continue;
    if (is_in_cloud(**url)) return in_cloud(address);
    if (may_ask(**url, address)) return **url;
    return Error{ErrorCode::denied, fmt::format("Autodiscover of {} points to {}, which is not sent a password: give it as 'ews_url' if it is right", address, **url)};
  }
  auto settings = ask_pox(address, stop);
  if (!settings) return settings.error();
  if (settings->ews_url.empty()) return Error{ErrorCode::not_found, "Autodiscover says no address of EWS for " + address};
  if (is_in_cloud(settings->ews_url)) return in_cloud(address);
  if (!may_ask(settings->ews_url, address)) {
    return Error{ErrorCode::denied, fmt::format("Autodiscover of {} points to {}, which is not sent a password: give it as 'ews_url' if it is right", address, settings->ews_url)};
  }
  return settings->ews_url;
}

Result<std::string> Autodiscover::smtp_address(const std::string& name, std::stop_token stop) {
  auto settings = ask_pox(name, stop);
  if (!settings) return settings.error();
  return settings->smtp_address;
}

Result<Autodiscover::PublicFolders> Autodiscover::public_folders(const std::string& address, std::stop_token stop) {
  Error last{ErrorCode::unavailable, "Autodiscover of " + address + " is not answered"};
  for (const auto& base : bases(address)) {
    const auto url = base + "/autodiscover/autodiscover.svc";
    Writer writer;
    writer.open("soap:Envelope").attribute("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/").attribute("xmlns:a", "http://schemas.microsoft.com/exchange/2010/Autodiscover");
    writer.attribute("xmlns:wsa", "http://www.w3.org/2005/08/addressing").open("soap:Header").element("a:RequestedServerVersion", "Exchange2013");
    writer.element("wsa:Action", "http://schemas.microsoft.com/exchange/2010/Autodiscover/Autodiscover/GetUserSettings").element("wsa:To", url).close();
    writer.open("soap:Body").open("a:GetUserSettingsRequestMessage").open("a:Request").open("a:Users").open("a:User").element("a:Mailbox", address).close().close();
    writer.open("a:RequestedSettings").element("a:Setting", "PublicFolderInformation").element("a:Setting", "InternalRpcClientServer").close().close().close().close().close();
    auto response = post(url, writer.take(), stop);
    if (!response) {
      last = response.error();
      if (last.code == ErrorCode::cancelled) return last;
      continue;
    }
    if (response->status != 200) {
      last = {response->status == 401 ? ErrorCode::denied : ErrorCode::unavailable, fmt::format("Autodiscover at {} answered {}", url, response->status)};
      continue;
    }
    auto root = parse(std::move(response->body));
    if (!root) return root.error();
    PublicFolders found;
    const auto* users = root->at({"Body", "GetUserSettingsResponseMessage", "Response", "UserResponses", "UserResponse", "UserSettings"});
    if (users == nullptr) return found;
    for (const auto& setting : users->children) {
      if (setting.child_text("Name") == "PublicFolderInformation") found.hierarchy_mailbox = setting.child_text("Value");
      if (setting.child_text("Name") == "InternalRpcClientServer") found.server = setting.child_text("Value");
    }
    return found;
  }
  return last;
}

}  // namespace kopial::ews
