// A directory as a source of people and groups: Entra ID, Active Directory, other LDAP servers, CSV.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "connectors/directory/entry.h"
#include "connectors/directory/ldap_client.h"
#include "storage/base/clock.h"

namespace kopial {

// For one thread at a time.
class Directory {
 public:
  virtual ~Directory() = default;
  // Tries to sign in and to read a little.
  virtual Result<void> check(std::stop_token stop) = 0;
  // With a cursor of before: what changed since, when the directory can tell; else, and with "": everything. Never a part of it: an
  // answer that was cut short is an error.
  virtual Result<DirectoryState> read(const std::string& cursor, std::stop_token stop) = 0;
};

// How a kind of LDAP server names things. Empty attributes are not asked for.
struct LdapSchema {
  bool active_directory = false;
  std::string user_filter, group_filter;
  std::string id;            // immutable
  bool id_is_guid = false;   // 16 bytes in Active Directory's order, else text
  std::string login;         // uid, cn: the short name
  std::string upn;           // "" or absent: the primary address
  std::string display_name = "displayName";
  std::vector<std::string> addresses = {"mail"};
  std::vector<std::string> members = {"member"};  // of a group: DNs, or short names for memberUid
  std::string disabled;      // an attribute that says so; "" = nobody is disabled here
  std::vector<std::string> disabled_values;
};
// active_directory, openldap, freeipa, 389ds, edirectory, domino; invalid for another name.
Result<LdapSchema> ldap_schema(std::string_view preset);

struct LdapDirectoryOptions {
  LdapServer server;
  LdapSchema schema;
  std::vector<std::string> bases;  // empty: the server's default naming context
  std::size_t page_size = 500;
};
std::unique_ptr<Directory> make_ldap_directory(LdapDirectoryOptions options, Clock& clock);

// Whether `password` is that of the object with this immutable id: it is looked for with the service's account, must be found exactly
// once, and is then bound to on a connection of its own.
Result<bool> check_ldap_password(const LdapDirectoryOptions& options, const std::string& id, const Secret& password, std::stop_token stop);

struct EntraApp;
class HttpClient;
// Users and groups by delta. `http` outlives it.
std::unique_ptr<Directory> make_entra_directory(const EntraApp& app, HttpClient& http, Clock& clock);

// A header line, then one object a line, RFC 4180. Columns: id, upn, display_name, addresses (separated by blanks, the first is the
// primary one), kind, enabled, groups (separated by ';'). Fails with invalid and names the line.
Result<DirectoryState> read_csv_directory(std::string_view text);

}  // namespace kopial
