// Active Directory and other LDAP servers. A complete read lists users and groups page by page; an incremental one asks for what
// has a higher update sequence number (Active Directory, per domain controller) or a later modifyTimestamp (others).
#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "connectors/directory/directory.h"
#include "storage/base/encoding.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kActiveDirectory = "1.2.840.113556.1.4.800";
constexpr std::size_t kEntriesMax = 2'000'000;
constexpr std::int64_t kNever = 9223372036854775807;

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  for (const char c : text.starts_with('-') ? text.substr(1) : text) {
    if (c < '0' || c > '9' || value > (kNever - 9) / 10) return 0;
    value = value * 10 + (c - '0');
  }
  return text.starts_with('-') ? -value : value;
}

std::string guid_filter(const std::string& text) {  // "3f2504e0-…" as \e0\04\25\3f…
  std::string hex;
  for (const char c : text) {
    if (c != '-') hex += c;
  }
  if (hex.size() != 32 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
  static constexpr int kOrder[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  std::string out;
  for (const int at : kOrder) out += "\\" + hex.substr(static_cast<std::size_t>(at) * 2, 2);
  return out;
}

// "dc=contoso,dc=test" as "contoso.test".
std::string dns_name(const std::string& base) {
  std::string out;
  const auto folded = normal_dn(base);
  for (std::size_t at = 0; at < folded.size();) {
    const auto end = std::min(folded.find(',', at), folded.size());
    const auto part = folded.substr(at, end - at);
    if (part.starts_with("dc=")) out += (out.empty() ? "" : ".") + part.substr(3);
    at = end + 1;
  }
  return out;
}

struct Root {
  std::string base, configuration, server;
  std::int64_t usn = 0;
  bool active_directory = false;
};

class LdapDirectory final : public Directory {
 public:
  LdapDirectory(LdapDirectoryOptions options, Clock& clock) : options_(std::move(options)), schema_(options_.schema), clock_(clock) {}

  Result<void> check(std::stop_token stop) override {
    auto opened = open(stop);
    if (!opened) return opened.error();
    bool any = false;
    for (const auto& base : bases_) {
      LdapSearch one{base, LdapScope::base, "(objectClass=*)", {"1.1"}, 0};
      if (auto done = connection_->search(one, [&](const LdapEntry&) { any = true; }, stop); !done) return done;
    }
    if (!any) return Error{ErrorCode::not_found, "the account sees nothing under " + fmt::format("{}", fmt::join(bases_, ", "))};
    return {};
  }

  Result<DirectoryState> read(const std::string& cursor, std::stop_token stop) override {
    if (auto opened = open(stop); !opened) return opened.error();
    if (!cursor.empty()) {
      auto changes = read_changes(cursor, stop);
      if (!changes) return changes.error();
      if (*changes) return finished(**std::move(changes));
    }
    auto all = read_all(stop);
    if (!all) return all.error();
    return finished(*std::move(all));
  }

 private:
  DirectoryState finished(DirectoryState state) {
    state.requests = connection_->requests();
    connection_.reset();
    return state;
  }

  Result<void> open(std::stop_token stop) {
    auto connection = LdapConnection::open(options_.server);
    if (!connection) return connection.error();
    connection_ = *std::move(connection);
    root_ = Root{};
    LdapSearch one{"", LdapScope::base, "(objectClass=*)",
                   {"defaultNamingContext", "configurationNamingContext", "namingContexts", "highestCommittedUSN", "dsServiceName", "supportedCapabilities"}, 0};
    auto done = connection_->search(one, [&](const LdapEntry& entry) {
      root_.base = entry.first("defaultNamingContext").empty() ? entry.first("namingContexts") : entry.first("defaultNamingContext");
      root_.configuration = entry.first("configurationNamingContext");
      root_.server = entry.first("dsServiceName");
      root_.usn = number(entry.first("highestCommittedUSN"));
      const auto& capabilities = entry.all("supportedCapabilities");
      root_.active_directory = std::find(capabilities.begin(), capabilities.end(), kActiveDirectory) != capabilities.end();
    }, stop);
    if (!done) return done;
    if (schema_.active_directory && !root_.active_directory) return Error{ErrorCode::invalid, "this server does not say that it is Active Directory; take another preset"};
    bases_ = options_.bases;
    if (bases_.empty() && !root_.base.empty()) bases_ = {root_.base};
    if (bases_.empty()) return Error{ErrorCode::invalid, "the server names no base; give 'bases'"};
    return {};
  }

  std::vector<std::string> user_attributes() const {
    std::vector<std::string> out{schema_.id, schema_.display_name, "modifyTimestamp"};
    const auto add = [&](const std::string& one) {
      if (!one.empty()) out.push_back(one);
    };
    add(schema_.login);
    add(schema_.upn);
    add(schema_.disabled);
    out.insert(out.end(), schema_.addresses.begin(), schema_.addresses.end());
    if (schema_.active_directory) {
      for (const char* one : {"mS-DS-ConsistencyGuid", "objectSid", "sIDHistory", "sAMAccountName", "userAccountControl", "accountExpires", "primaryGroupID",
                              "msExchRecipientTypeDetails", "msExchMailboxGuid", "targetAddress"}) {
        out.emplace_back(one);
      }
    }
    return out;
  }

  std::string id_of(const LdapEntry& entry) const {
    const auto raw = entry.first(schema_.id);
    return schema_.id_is_guid ? guid_text(raw) : fold(raw);
  }

  bool is_disabled(const LdapEntry& entry) const {
    if (schema_.active_directory) {
      if ((number(entry.first("userAccountControl")) & 0x2) != 0) return true;
      const auto expires = number(entry.first("accountExpires"));  // In 100 ns since 1601.
      const auto now = (to_milliseconds(clock_.now()) + 11'644'473'600'000) * 10'000;
      return expires != 0 && expires != kNever && expires <= now;
    }
    if (schema_.disabled.empty()) return false;
    const auto value = fold(entry.first(schema_.disabled));
    return !value.empty() && (schema_.disabled_values.empty() || std::find(schema_.disabled_values.begin(), schema_.disabled_values.end(), value) != schema_.disabled_values.end());
  }

  // nullopt for what is nobody's mailbox.
  std::optional<DirectoryEntry> entry_of(const LdapEntry& from, const std::string& domain) const {
    DirectoryEntry entry;
    entry.id = id_of(from);
    if (entry.id.empty()) return std::nullopt;
    entry.display_name = from.first(schema_.display_name);
    entry.enabled = !is_disabled(from);
    if (schema_.active_directory) {
      const auto anchor = from.first("mS-DS-ConsistencyGuid");
      entry.anchor = base64_encode(anchor.empty() ? from.first(schema_.id) : anchor);
      entry.sid = sid_text(from.first("objectSid"));
      for (const auto& one : from.all("sIDHistory")) entry.former_sids.push_back(sid_text(one));
      const auto account = from.first("sAMAccountName");
      if (!account.empty()) entry.account = domain + "\\" + fold(account);
      read_proxy_addresses(from.all("proxyAddresses"), from.first("mail"), entry);
      if (!read_recipient_type(number(from.first("msExchRecipientTypeDetails")), entry)) return std::nullopt;
      entry.licensed = !from.first("msExchMailboxGuid").empty() || entry.kind != MailboxKind::unknown;
      entry.upn = from.first("userPrincipalName");
      if (entry.upn.empty() && !account.empty() && !domain.empty()) entry.upn = account + "@" + domain;  // The implicit one.
      if (entry.kind == MailboxKind::unknown) entry.kind = MailboxKind::person;
    } else {
      std::vector<std::string> values;
      for (const auto& attribute : schema_.addresses) {
        for (const auto& value : from.all(attribute)) values.push_back(value.find(':') == std::string::npos ? "smtp:" + value : value);
      }
      read_proxy_addresses(values, from.first(schema_.addresses.front()), entry);
      if (!schema_.login.empty() && !domain.empty()) entry.account = domain + "\\" + fold(from.first(schema_.login));
      entry.upn = schema_.upn.empty() ? "" : from.first(schema_.upn);
      if (entry.upn.empty()) entry.upn = entry.primary_address;
      entry.licensed = true;
    }
    return entry;
  }

  Result<DirectoryState> read_all(std::stop_token stop) {
    DirectoryState state;
    std::unordered_map<std::string, std::string> by_dn, by_login;         // -> id
    std::unordered_map<std::string, std::vector<std::string>> by_primary;  // primary group's RID -> ids
    std::string stamp;
    for (const auto& base : bases_) {
      const auto domain = dns_name(base);
      LdapSearch users{base, LdapScope::subtree, schema_.user_filter, user_attributes(), options_.page_size};
      auto done = connection_->search(users, [&](const LdapEntry& from) {
        stamp = std::max(stamp, from.first("modifyTimestamp"));
        auto entry = entry_of(from, domain);
        if (!entry) return;
        by_dn[normal_dn(from.dn)] = entry->id;
        if (!schema_.login.empty()) by_login[fold(from.first(schema_.login))] = entry->id;
        if (schema_.active_directory) by_primary[from.first("primaryGroupID")].push_back(entry->id);
        state.entries.push_back(*std::move(entry));
      }, stop);
      if (!done) return done.error();
      if (state.entries.size() > kEntriesMax) return Error{ErrorCode::too_large, "the directory has more than two million objects"};
    }
    if (auto done = read_groups(state, by_dn, by_login, by_primary, stamp, stop); !done) return done.error();
    if (schema_.active_directory && !root_.configuration.empty()) {
      LdapSearch partitions{"CN=Partitions," + root_.configuration, LdapScope::one, "(nETBIOSName=*)", {"nETBIOSName", "dnsRoot"}, options_.page_size};
      auto done = connection_->search(partitions, [&](const LdapEntry& from) {
        auto name = from.first("nETBIOSName");
        for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        state.domains[name] = fold(from.first("dnsRoot"));
      }, stop);
      if (!done && done.error().code != ErrorCode::denied && done.error().code != ErrorCode::not_found) return done.error();
    }
    state.cursor = json::serialize(json::object{{"v", 1}, {"server", root_.server}, {"usn", root_.usn}, {"since", stamp}});
    return state;
  }

  Result<void> read_groups(DirectoryState& state, std::unordered_map<std::string, std::string>& by_dn, const std::unordered_map<std::string, std::string>& by_login,
                           const std::unordered_map<std::string, std::vector<std::string>>& by_primary, std::string& stamp, std::stop_token stop) {
    struct Group {
      std::string id, name, dn, rid;
      std::vector<std::string> members;
      std::string more;  // the attribute with a range, when the server gave only a part
    };
    std::vector<Group> groups;
    for (const auto& base : bases_) {
      LdapSearch search{base, LdapScope::subtree, schema_.group_filter, {schema_.id, "cn", "objectSid", "modifyTimestamp"}, options_.page_size};
      search.attributes.insert(search.attributes.end(), schema_.members.begin(), schema_.members.end());
      auto done = connection_->search(search, [&](const LdapEntry& from) {
        stamp = std::max(stamp, from.first("modifyTimestamp"));
        Group group{id_of(from), from.first("cn"), from.dn, "", {}, ""};
        const auto sid = sid_text(from.first("objectSid"));
        if (const auto dash = sid.rfind('-'); dash != std::string::npos) group.rid = sid.substr(dash + 1);
        for (const auto& [attribute, values] : from.values) {
          const auto plain = attribute.substr(0, attribute.find(';'));
          if (std::none_of(schema_.members.begin(), schema_.members.end(), [&](const auto& one) { return fold(one) == plain; })) continue;
          group.members.insert(group.members.end(), values.begin(), values.end());
          if (attribute.find(";range=") != std::string::npos && !attribute.ends_with("-*")) group.more = attribute;
        }
        if (!group.id.empty()) groups.push_back(std::move(group));
      }, stop);
      if (!done) return done;
    }
    for (auto& group : groups) {
      by_dn[normal_dn(group.dn)] = group.id;
      while (!group.more.empty()) {
        if (auto done = read_range(group.dn, group.more, group.members, stop); !done) return done;
      }
    }
    for (auto& group : groups) {
      DirectoryGroup out{group.id, group.name, {}};
      for (const auto& member : group.members) {
        const auto found = by_dn.find(normal_dn(member));
        if (found != by_dn.end()) out.members.push_back(found->second);
        else if (const auto login = by_login.find(fold(member)); login != by_login.end()) out.members.push_back(login->second);
      }
      if (const auto primary = by_primary.find(group.rid); !group.rid.empty() && primary != by_primary.end()) {
        out.members.insert(out.members.end(), primary->second.begin(), primary->second.end());
      }
      state.groups.push_back(std::move(out));
    }
    return {};
  }

  // "member;range=0-1499" was given: asks for the next part, and sets `more` to its name, or to "" at the end.
  Result<void> read_range(const std::string& dn, std::string& more, std::vector<std::string>& members, std::stop_token stop) {
    const auto name = more.substr(0, more.find(';'));
    const auto from = number(more.substr(more.rfind('-') + 1)) + 1;
    const auto asked = fmt::format("{};range={}-*", name, from);
    std::string next;
    bool any = false;
    LdapSearch search{dn, LdapScope::base, "(objectClass=*)", {asked}, 0};
    auto done = connection_->search(search, [&](const LdapEntry& entry) {
      for (const auto& [attribute, values] : entry.values) {
        if (!attribute.starts_with(name + ";range=")) continue;
        any = any || !values.empty();
        members.insert(members.end(), values.begin(), values.end());
        if (!attribute.ends_with("-*")) next = attribute;
      }
    }, stop);
    if (!done) return done;
    if (members.size() > kEntriesMax) return Error{ErrorCode::too_large, "the group " + dn + " has more than two million members"};
    more = any ? next : "";
    return {};
  }

  // nullopt: it cannot tell, or a group changed; everything must be read.
  Result<std::optional<DirectoryState>> read_changes(const std::string& cursor, std::stop_token stop) {
    json::error_code bad;
    const auto value = json::parse(cursor, bad);
    if (bad || !value.is_object()) return std::optional<DirectoryState>();
    const auto& object = value.get_object();
    const auto text = [&](std::string_view name) {
      const auto* found = object.if_contains(name);
      return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
    };
    DirectoryState state;
    state.complete = false;
    std::string users_since, groups_since;
    auto since = text("since");
    std::int64_t usn = 0;
    if (schema_.active_directory) {
      const auto* kept = object.if_contains("usn");
      usn = kept != nullptr && kept->is_int64() ? kept->get_int64() : 0;
      // Sequence numbers are those of one domain controller.
      if (usn == 0 || text("server") != root_.server || root_.usn < usn) return std::optional<DirectoryState>();
      state.cursor = json::serialize(json::object{{"v", 1}, {"server", root_.server}, {"usn", root_.usn}, {"since", since}});
      if (root_.usn == usn) return std::optional(std::move(state));
      users_since = groups_since = fmt::format("(uSNChanged>={})", usn + 1);
    } else {
      if (since.empty()) return std::optional<DirectoryState>();
      users_since = groups_since = fmt::format("(modifyTimestamp>={})", ldap_filter_value(since));
    }
    bool group_changed = false;
    for (const auto& base : bases_) {
      LdapSearch groups{base, LdapScope::subtree, "(&" + schema_.group_filter + groups_since + ")", {"cn", "modifyTimestamp"}, options_.page_size};
      // A time stamp has whole seconds: those of the last one were seen already, and the next complete read sees the rest.
      auto done = connection_->search(groups, [&](const LdapEntry& entry) { group_changed = group_changed || schema_.active_directory || entry.first("modifyTimestamp") > since; }, stop);
      if (!done) return done.error();
      if (group_changed) return std::optional<DirectoryState>();
      const auto domain = dns_name(base);
      LdapSearch users{base, LdapScope::subtree, "(&" + schema_.user_filter + users_since + ")", user_attributes(), options_.page_size};
      done = connection_->search(users, [&](const LdapEntry& from) {
        since = std::max(since, from.first("modifyTimestamp"));
        if (auto entry = entry_of(from, domain)) state.entries.push_back(*std::move(entry));
      }, stop);
      if (!done) return done.error();
      if (schema_.active_directory) removed(base, usn, state, stop);
    }
    if (!schema_.active_directory) state.cursor = json::serialize(json::object{{"v", 1}, {"server", ""}, {"usn", 0}, {"since", since}});
    return std::optional(std::move(state));
  }

  // Tombstones need a right that many service accounts lack; without it the next complete read tells.
  void removed(const std::string& base, std::int64_t usn, DirectoryState& state, std::stop_token stop) {
    LdapSearch search{base, LdapScope::subtree, fmt::format("(&(isDeleted=TRUE)(objectClass=user)(uSNChanged>={}))", usn + 1), {schema_.id}, options_.page_size};
    search.deleted_too = true;
    std::vector<std::string> ids;
    if (connection_->search(search, [&](const LdapEntry& entry) { ids.push_back(id_of(entry)); }, stop)) state.removed.insert(state.removed.end(), ids.begin(), ids.end());
  }

  const LdapDirectoryOptions options_;
  const LdapSchema& schema_ = options_.schema;
  Clock& clock_;
  std::unique_ptr<LdapConnection> connection_;
  Root root_;
  std::vector<std::string> bases_;
};

}  // namespace

Result<LdapSchema> ldap_schema(std::string_view preset) {
  LdapSchema schema;
  if (preset == "active_directory") {
    schema.active_directory = schema.id_is_guid = true;
    schema.user_filter = "(&(objectCategory=person)(objectClass=user)(|(proxyAddresses=SMTP:*)(mail=*))(!(objectClass=computer)))";
    schema.group_filter = "(objectClass=group)";
    schema.id = "objectGUID";
    schema.upn = "userPrincipalName";
    schema.addresses = {"mail", "proxyAddresses"};
    return schema;
  }
  schema.user_filter = "(objectClass=inetOrgPerson)";
  schema.group_filter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))";
  schema.members = {"member", "uniqueMember", "memberUid"};
  schema.login = "uid";
  if (preset == "openldap") {
    schema.id = "entryUUID";
    schema.addresses = {"mail", "mailAlternateAddress", "mailLocalAddress", "proxyAddresses"};
    schema.disabled = "pwdAccountLockedTime";
    return schema;
  }
  if (preset == "freeipa" || preset == "389ds") {
    schema.user_filter = "(objectClass=person)";
    schema.group_filter = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=ipaUserGroup))";
    schema.id = preset == "freeipa" ? "ipaUniqueID" : "nsUniqueId";
    schema.upn = preset == "freeipa" ? "krbPrincipalName" : "";
    schema.addresses = {"mail", "mailAlternateAddress"};
    schema.disabled = "nsAccountLock";
    schema.disabled_values = {"true"};
    return schema;
  }
  if (preset == "edirectory") {
    schema.id = "GUID";
    schema.id_is_guid = true;
    schema.login = "cn";
    schema.display_name = "fullName";
    schema.disabled = "loginDisabled";
    schema.disabled_values = {"true"};
    return schema;
  }
  if (preset == "domino") {
    schema.user_filter = "(objectClass=dominoPerson)";
    schema.group_filter = "(objectClass=dominoGroup)";
    schema.id = "dominounid";
    schema.display_name = "cn";
    return schema;
  }
  return Error{ErrorCode::invalid, "'" + std::string(preset.substr(0, 50)) + "' is no preset; active_directory, openldap, freeipa, 389ds, edirectory and domino are"};
}

std::unique_ptr<Directory> make_ldap_directory(LdapDirectoryOptions options, Clock& clock) {
  return std::make_unique<LdapDirectory>(std::move(options), clock);
}

Result<bool> check_ldap_password(const LdapDirectoryOptions& options, const std::string& id, const Secret& password, std::stop_token stop) {
  if (password.empty()) return false;
  auto connection = LdapConnection::open(options.server);
  if (!connection) return connection.error();
  auto bases = options.bases;
  if (bases.empty()) {
    LdapSearch root{"", LdapScope::base, "(objectClass=*)", {"defaultNamingContext", "namingContexts"}, 0};
    auto done = (*connection)->search(root, [&](const LdapEntry& entry) {
      bases = {entry.first("defaultNamingContext").empty() ? entry.first("namingContexts") : entry.first("defaultNamingContext")};
    }, stop);
    if (!done) return done.error();
  }
  const auto value = options.schema.id_is_guid ? guid_filter(id) : ldap_filter_value(id);
  if (value.empty()) return false;
  std::set<std::string> found;
  for (const auto& base : bases) {
    LdapSearch one{base, LdapScope::subtree, "(" + options.schema.id + "=" + value + ")", {"1.1"}, 0};
    auto done = (*connection)->search(one, [&](const LdapEntry& entry) { found.insert(entry.dn); }, stop);
    if (!done) return done.error();
  }
  if (found.size() != 1) return false;
  return check_ldap_bind(options.server, *found.begin(), password);
}

}  // namespace kopial
