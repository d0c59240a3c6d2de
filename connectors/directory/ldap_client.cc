#include "connectors/directory/ldap_client.h"

#include <fmt/format.h>
#include <ldap.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "connectors/directory/entry.h"
#include "connectors/http/host_list.h"
#include "connectors/http/url.h"

namespace kopial {
namespace {

constexpr const char* kShowDeleted = "1.2.840.113556.1.4.417";
constexpr std::size_t kPagesMax = 100'000;
constexpr int kBusyRetries = 3;

// What Active Directory says behind "data" when a bind is refused.
std::string_view bind_reason(std::string_view diagnostic) {
  static constexpr std::pair<std::string_view, std::string_view> kReasons[] = {
      {"data 525", "there is no such user"},     {"data 52e", "the password is wrong"},   {"data 530", "not at this hour"},
      {"data 531", "not from this machine"},     {"data 532", "the password has expired"}, {"data 533", "the account is disabled"},
      {"data 701", "the account has expired"},   {"data 773", "the password must be changed first"}, {"data 775", "the account is locked"}};
  for (const auto& [code, reason] : kReasons) {
    if (diagnostic.find(code) != std::string_view::npos) return reason;
  }
  return "";
}

class OpenConnection final : public LdapConnection {
 public:
  OpenConnection() = default;
  ~OpenConnection() override {
    if (ldap_ != nullptr) ldap_unbind_ext(ldap_, nullptr, nullptr);
  }
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;

  Result<void> connect(const LdapServer& server, const std::string& url) {
    url_ = url;
    timeout_ = server.timeout;
    if (ldap_initialize(&ldap_, url.c_str()) != LDAP_SUCCESS) return Error{ErrorCode::invalid, "'" + url + "' is not an LDAP address"};
    const int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, server_side = 0;
    const timeval wait{static_cast<time_t>(timeout_.count()), 0};
    ldap_set_option(ldap_, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ldap_, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(ldap_, LDAP_OPT_NETWORK_TIMEOUT, &wait);
    ldap_set_option(ldap_, LDAP_OPT_TIMEOUT, &wait);
    ldap_set_option(ldap_, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    const bool tls = url.starts_with("ldaps://"), upgrade = !tls && server.start_tls;
    if (tls || upgrade) {
      if (auto trusted = trust(server.ca_pem, server_side); !trusted) return trusted;
    }
    if (upgrade) {
      ++requests_;
      if (const int code = ldap_start_tls_s(ldap_, nullptr, nullptr); code != LDAP_SUCCESS) return error(code, "StartTLS");
    }
    return {};
  }

  Result<void> bind(const std::string& name, const Secret& password) {
    if (!name.empty() && password.empty()) return Error{ErrorCode::denied, "an empty password is not sent: a server would take it for nobody's"};
    std::string copy(password.reveal());
    berval credentials{copy.size(), copy.data()};
    ++requests_;
    const int code = ldap_sasl_bind_s(ldap_, name.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, nullptr);
    explicit_bzero(copy.data(), copy.size());
    return code == LDAP_SUCCESS ? Result<void>() : error(code, name.empty() ? "an anonymous sign-in" : "signing in as " + name);
  }

  Result<void> search(const LdapSearch& search, const std::function<void(LdapEntry)>& found, std::stop_token stop) override {
    std::string cookie;
    for (std::size_t page = 0; page < kPagesMax; ++page) {
      if (stop.stop_requested()) return Error{ErrorCode::cancelled, "stopped while reading the directory"};
      auto done = one_page(search, cookie, found);
      if (!done) return done.error();
      if (cookie.empty()) return {};
    }
    return Error{ErrorCode::too_large, "the directory's answer does not end"};
  }

  std::uint64_t requests() const override { return requests_; }

  int last_code() const { return last_code_; }

 private:
  // The library reads authorities from a file when the context is made, and not later.
  Result<void> trust(const std::string& ca_pem, int server_side) {
    std::string path;
    if (!ca_pem.empty()) {
      path = (std::filesystem::temp_directory_path() / "kopial-ca-XXXXXX").string();
      const int file = mkstemp(path.data());
      if (file < 0 || ::write(file, ca_pem.data(), ca_pem.size()) != static_cast<ssize_t>(ca_pem.size())) {
        if (file >= 0) ::close(file);
        return Error{ErrorCode::unavailable, "the authorities to trust could not be handed to the LDAP library"};
      }
      ::close(file);
      ldap_set_option(ldap_, LDAP_OPT_X_TLS_CACERTFILE, path.c_str());
    }
    const int code = ldap_set_option(ldap_, LDAP_OPT_X_TLS_NEWCTX, &server_side);
    if (!path.empty()) ::unlink(path.c_str());
    if (code != LDAP_OPT_SUCCESS) return Error{ErrorCode::invalid, "the certificates to trust for " + url_ + " cannot be used"};
    return {};
  }

  Result<void> one_page(const LdapSearch& search, std::string& cookie, const std::function<void(LdapEntry)>& found) {
    std::vector<char*> attributes;
    for (const auto& one : search.attributes) attributes.push_back(const_cast<char*>(one.c_str()));
    attributes.push_back(nullptr);
    const int scope = search.scope == LdapScope::base ? LDAP_SCOPE_BASE : search.scope == LdapScope::one ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE;
    LDAPControl* paged = nullptr;
    berval value{cookie.size(), cookie.data()};
    if (search.page_size > 0) ldap_create_page_control(ldap_, static_cast<ber_int_t>(search.page_size), &value, 1, &paged);
    LDAPControl deleted{const_cast<char*>(kShowDeleted), {0, nullptr}, 1};
    std::vector<LDAPControl*> controls;
    if (paged != nullptr) controls.push_back(paged);
    if (search.deleted_too) controls.push_back(&deleted);
    controls.push_back(nullptr);
    timeval wait{static_cast<time_t>(timeout_.count()), 0};
    LDAPMessage* message = nullptr;
    int code = LDAP_SUCCESS;
    for (int attempt = 0; attempt < kBusyRetries; ++attempt) {
      ++requests_;
      code = ldap_search_ext_s(ldap_, search.base.c_str(), scope, search.filter.c_str(), attributes.data(), 0, controls.data(), nullptr, &wait, LDAP_NO_LIMIT, &message);
      if (code != LDAP_BUSY) break;
      if (message != nullptr) ldap_msgfree(message);
      message = nullptr;
    }
    if (paged != nullptr) ldap_control_free(paged);
    const std::unique_ptr<LDAPMessage, int (*)(LDAPMessage*)> owned(message, ldap_msgfree);
    if (code != LDAP_SUCCESS) return error(code, "reading " + (search.base.empty() ? std::string("the root") : search.base));
    cookie.clear();
    if (search.page_size > 0) read_cookie(message, cookie);
    for (auto* entry = ldap_first_entry(ldap_, message); entry != nullptr; entry = ldap_next_entry(ldap_, entry)) found(read(entry));
    return {};
  }

  void read_cookie(LDAPMessage* message, std::string& cookie) {
    LDAPControl** answered = nullptr;
    int code = 0;
    if (ldap_parse_result(ldap_, message, &code, nullptr, nullptr, nullptr, &answered, 0) != LDAP_SUCCESS || answered == nullptr) return;
    if (auto* control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answered, nullptr)) {
      ber_int_t estimate = 0;
      berval next{0, nullptr};
      if (ldap_parse_pageresponse_control(ldap_, control, &estimate, &next) == LDAP_SUCCESS) {
        if (next.bv_val != nullptr) cookie.assign(next.bv_val, next.bv_len);
        ber_memfree(next.bv_val);
      }
    }
    ldap_controls_free(answered);
  }

  LdapEntry read(LDAPMessage* entry) {
    LdapEntry out;
    if (char* dn = ldap_get_dn(ldap_, entry)) {
      out.dn = dn;
      ldap_memfree(dn);
    }
    BerElement* position = nullptr;
    for (char* name = ldap_first_attribute(ldap_, entry, &position); name != nullptr; name = ldap_next_attribute(ldap_, entry, position)) {
      auto& values = out.values[fold(name)];
      if (berval** got = ldap_get_values_len(ldap_, entry, name)) {
        for (auto** one = got; *one != nullptr; ++one) values.emplace_back((*one)->bv_val, (*one)->bv_len);
        ldap_value_free_len(got);
      }
      ldap_memfree(name);
    }
    if (position != nullptr) ber_free(position, 0);
    return out;
  }

  Error error(int code, const std::string& what) {
    last_code_ = code;
    char* diagnostic = nullptr;
    ldap_get_option(ldap_, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
    const std::string said = diagnostic == nullptr ? "" : std::string(diagnostic).substr(0, 300);
    ldap_memfree(diagnostic);
    const auto text = [&](std::string_view why) {
      return fmt::format("{} at {} failed: {}{}", what, url_, why, said.empty() ? "" : " (" + said + ")");
    };
    switch (code) {
      case LDAP_INVALID_CREDENTIALS: {
        const auto reason = bind_reason(said);
        return {ErrorCode::denied, text(reason.empty() ? "name or password is wrong" : reason)};
      }
      case LDAP_STRONG_AUTH_REQUIRED:
      case LDAP_CONFIDENTIALITY_REQUIRED: return {ErrorCode::denied, text("the server demands TLS: use ldaps:// or StartTLS")};
      case LDAP_INSUFFICIENT_ACCESS: return {ErrorCode::denied, text("the account may not read this")};
      case LDAP_CONNECT_ERROR: return {ErrorCode::denied, text("TLS could not be set up; is the certificate valid, for this host name, and by an authority that is trusted here?")};
      case LDAP_NO_SUCH_OBJECT: return {ErrorCode::not_found, text("there is no such base")};
      case LDAP_SIZELIMIT_EXCEEDED:
      case LDAP_ADMINLIMIT_EXCEEDED: return {ErrorCode::unavailable, text("the server cut its answer short; nothing of it was used. Allow paged results or raise its limit")};
      case LDAP_TIMELIMIT_EXCEEDED:
      case LDAP_TIMEOUT: return {ErrorCode::timeout, text("it took too long; nothing of the answer was used")};
      case LDAP_FILTER_ERROR:
      case LDAP_INVALID_DN_SYNTAX:
      case LDAP_INVALID_SYNTAX: return {ErrorCode::invalid, text(ldap_err2string(code))};
      case LDAP_SERVER_DOWN:
      case LDAP_BUSY:
      case LDAP_UNAVAILABLE:
      case LDAP_UNWILLING_TO_PERFORM:
      default: return {ErrorCode::unavailable, text(ldap_err2string(code))};
    }
  }

  LDAP* ldap_ = nullptr;
  std::string url_;
  std::chrono::seconds timeout_{30};
  std::uint64_t requests_ = 0;
  int last_code_ = LDAP_SUCCESS;
};

Result<void> check_url(const LdapServer& server, const std::string& url) {
  const auto parts = split_url(url);
  if (!parts || (parts->scheme != "ldap" && parts->scheme != "ldaps")) return Error{ErrorCode::invalid, "'" + url + "' is not an address; write ldaps://host"};
  if (parts->scheme == "ldap" && !server.start_tls && !is_loopback_host(parts->host)) {
    return Error{ErrorCode::invalid, "without TLS no password is sent to " + parts->host + ": use ldaps:// or StartTLS"};
  }
  if (!server.allowed_hosts.empty()) {
    auto list = HostList::parse(server.allowed_hosts);
    if (!list) return list.error();
    if (!list->allows_everything() && !list->allows_name(parts->host) && !list->allows_address(parts->host)) return Error{ErrorCode::denied, "the configuration does not allow connections to " + parts->host};
  }
  return {};
}

Result<std::unique_ptr<OpenConnection>> reach(const LdapServer& server) {
  Error last{ErrorCode::invalid, "no LDAP server is named"};
  for (const auto& url : server.urls) {
    if (auto fine = check_url(server, url); !fine) return fine.error();
    auto made = std::make_unique<OpenConnection>();
    auto connected = made->connect(server, url);
    if (connected) return made;
    last = connected.error();
  }
  return last;
}

}  // namespace

std::string LdapEntry::first(std::string_view attribute) const {
  const auto& found = all(attribute);
  return found.empty() ? "" : found.front();
}
const std::vector<std::string>& LdapEntry::all(std::string_view attribute) const {
  static const std::vector<std::string> none;
  const auto found = values.find(fold(attribute));
  return found == values.end() ? none : found->second;
}

Result<std::unique_ptr<LdapConnection>> LdapConnection::open(const LdapServer& server) {
  Error last{ErrorCode::invalid, "no LDAP server is named"};
  // A connection to ldaps:// is made with the first request: only a bind tells whether this server answers.
  for (const auto& url : server.urls) {
    auto one = server;
    one.urls = {url};
    auto connection = reach(one);
    if (!connection) {
      last = connection.error();
      continue;
    }
    if (auto bound = (*connection)->bind(server.bind_name, server.bind_password); !bound) {
      last = bound.error();
      if (last.code == ErrorCode::denied) return last;  // Another server would refuse it too, and count it.
      continue;
    }
    return std::unique_ptr<LdapConnection>(*std::move(connection));
  }
  return last;
}

Result<bool> check_ldap_bind(const LdapServer& server, const std::string& name, const Secret& password) {
  if (name.empty() || password.empty()) return false;
  Error last{ErrorCode::invalid, "no LDAP server is named"};
  for (const auto& url : server.urls) {
    auto one = server;
    one.urls = {url};
    auto connection = reach(one);
    if (!connection) {
      last = connection.error();
      continue;
    }
    auto bound = (*connection)->bind(name, password);
    if (bound) return true;
    if ((*connection)->last_code() == LDAP_INVALID_CREDENTIALS) return false;
    last = bound.error();
  }
  return last;
}

std::string ldap_filter_value(std::string_view value) {
  std::string copy(value);
  berval in{copy.size(), copy.data()}, out{0, nullptr};
  if (ldap_bv2escaped_filter_value(&in, &out) != 0) return {};
  std::string escaped(out.bv_val == nullptr ? "" : out.bv_val, out.bv_val == nullptr ? 0 : out.bv_len);
  if (out.bv_val != nullptr && out.bv_val != in.bv_val) ber_memfree(out.bv_val);
  return escaped;
}

std::string normal_dn(const std::string& dn) {
  LDAPDN parsed = nullptr;
  if (ldap_str2dn(dn.c_str(), &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS) return {};
  char* text = nullptr;
  std::string out;
  if (ldap_dn2str(parsed, &text, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && text != nullptr) out = fold(text);
  ldap_memfree(text);
  ldap_dnfree(parsed);
  return out;
}

}  // namespace kopial
