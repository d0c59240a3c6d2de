// LDAP, as much of it as reading a directory and checking a password need. libldap stays behind this line.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"
#include "storage/base/secret.h"

namespace kopial {

struct LdapServer {
  std::vector<std::string> urls;  // "ldaps://dc1.example.org", "ldap://…": tried in this order
  bool start_tls = true;          // on ldap://; without it a password is only sent to a loopback address
  std::string ca_pem;             // trusted instead of the system's authorities; "" = those
  std::string bind_name;          // DN, user@domain or DOMAIN\user; "" = anonymous
  Secret bind_password;
  std::chrono::seconds timeout{30};  // of one answer
  std::vector<std::string> allowed_hosts;  // empty: any
};

struct LdapEntry {
  std::string dn;
  std::map<std::string, std::vector<std::string>> values;  // by attribute name in lower case, as the server gives it
  std::string first(std::string_view attribute) const;     // "" when there is none
  const std::vector<std::string>& all(std::string_view attribute) const;
};

enum class LdapScope : std::uint8_t { base, one, subtree };

struct LdapSearch {
  std::string base;
  LdapScope scope = LdapScope::subtree;
  std::string filter = "(objectClass=*)";
  std::vector<std::string> attributes;
  std::size_t page_size = 500;  // 0: without paging
  bool deleted_too = false;     // Active Directory's tombstones
};

// One bound connection. For one thread at a time.
class LdapConnection {
 public:
  // Fails with denied (name, password, certificate, or TLS that the server demands), unavailable. The message is for an administrator.
  static Result<std::unique_ptr<LdapConnection>> open(const LdapServer& server);
  virtual ~LdapConnection() = default;

  // All of it or an error: an answer that was cut short is an error, never a smaller directory. Referrals are not followed.
  virtual Result<void> search(const LdapSearch& search, const std::function<void(LdapEntry)>& found, std::stop_token stop) = 0;
  virtual std::uint64_t requests() const = 0;
};

// Whether this name and password are right, on a connection of its own. An empty password is wrong: servers take it for anonymous.
Result<bool> check_ldap_bind(const LdapServer& server, const std::string& name, const Secret& password);

// RFC 4515: a value inside a filter. Any bytes.
std::string ldap_filter_value(std::string_view value);
// One form for the many ways to write one distinguished name; "" when it is none.
std::string normal_dn(const std::string& dn);

}  // namespace kopial
