// A tenant's directories: what to read, what to take from it, and the synchronisations themselves.
//
// A preview is the whole plan of a synchronisation without its effects. It is kept for an hour, and `sync` executes exactly that plan,
// as long as nobody it is about was changed in between. A plan that loses too many people is executed only when that is confirmed.
#pragma once

#include <boost/json.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "connectors/directory/directory.h"
#include "server/people/people_store.h"
#include "server/people/reconcile.h"

namespace kopial {

struct DirectoryConfig {
  std::string id, name;
  std::string kind;        // entra, active_directory, ldap, csv
  std::string credential;  // of entra: the application
  // Of LDAP servers.
  std::string preset;  // openldap, freeipa, 389ds, edirectory, domino; of kind ldap
  LdapServer server;
  std::vector<std::string> bases;
  boost::json::object attributes;  // what differs from the preset: user_filter, group_filter, id, login, upn, display_name, addresses, members
  bool passwords = false;          // people of this directory sign in with its passwords
  std::string csv;
  SyncPolicy policy;
  std::chrono::minutes every{0};  // 0: only when asked for
  Time created_at;
  // Where it stands.
  std::string cursor, last_error;
  std::optional<Time> synced_at, complete_at;
  std::map<std::string, std::string> domains;
  std::uint64_t revision = 0;
};

struct SyncPreview {
  std::string id;
  SyncPlan plan;
  DirectoryState state;  // groups, domains and cursor of it; the entries are gone
  std::string fingerprint;
  Time at;
};

// Thread-safe; one synchronisation of a tenant at a time.
class Directories {
 public:
  Directories(Tenants& tenants, Records& system_records, Users& users, const Settings& settings, Clock& clock)
      : tenants_(tenants), system_(system_records), users_(users), settings_(settings), clock_(clock) {}

  Result<std::vector<DirectoryConfig>> list(Tenant& tenant);
  Result<std::optional<DirectoryConfig>> find(Tenant& tenant, const std::string& id);
  Result<DirectoryConfig> create(Tenant& tenant, DirectoryConfig config);
  Result<DirectoryConfig> update(Tenant& tenant, DirectoryConfig config);  // conflict when it was changed meanwhile
  // People stay as they are; they are not followed any more.
  Result<void> remove(Tenant& tenant, const std::string& id);

  // Fields that an administrator sets, read strictly: absent ones stay. Secrets are read, and never shown.
  static Result<void> read_fields(const boost::json::object& fields, DirectoryConfig& config);
  static boost::json::object view(const DirectoryConfig& config);

  Result<void> check(Tenant& tenant, const DirectoryConfig& config, std::stop_token stop);
  Result<std::shared_ptr<const SyncPreview>> preview(Tenant& tenant, const DirectoryConfig& config, std::stop_token stop);
  // nullptr when there is none, or it is too old.
  std::shared_ptr<const SyncPreview> previewed(Tenant& tenant, const std::string& directory);
  struct Wanted {
    std::string preview;         // "" = read now, and execute what that gives
    bool confirm_losses = false;
    bool complete = false;       // read everything, even when the directory can tell what changed
  };
  // What was done. conflict when too many people would be lost, or somebody changed since the preview.
  Result<std::shared_ptr<const SyncPreview>> sync(Tenant& tenant, const DirectoryConfig& config, const Wanted& wanted, std::stop_token stop);
  // Starts what is due, one after the other. Called now and then.
  void run_due(std::stop_token stop);

  // Whether this is the password of this person in one of his directories; nullopt when none of them has passwords. unavailable when
  // the directory does not answer.
  Result<std::optional<bool>> check_password(Tenant& tenant, const Person& person, const Secret& password);

 private:
  Result<DirectoryState> read(Tenant& tenant, const DirectoryConfig& config, const std::string& cursor, std::stop_token stop);
  Result<LdapDirectoryOptions> ldap_options(const DirectoryConfig& config) const;
  Result<std::shared_ptr<SyncPreview>> plan(Tenant& tenant, const DirectoryConfig& config, const std::string& cursor, std::stop_token stop);
  Result<void> execute(Tenant& tenant, DirectoryConfig config, const SyncPreview& preview);
  Result<void> keep_groups(Tenant& tenant, const std::string& directory, const std::vector<DirectoryGroup>& groups);
  Result<void> schedule(Tenant& tenant, const DirectoryConfig& config);
  SyncPolicy policy_with_priorities(Tenant& tenant, const DirectoryConfig& config);

  Tenants& tenants_;
  Records& system_;
  Users& users_;
  const Settings& settings_;
  Clock& clock_;
  std::mutex syncing_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const SyncPreview>> previews_;  // by tenant and directory
};

// The names of groups, as directories gave them: id -> name. For grants.
Result<std::vector<std::pair<std::string, std::string>>> list_groups(Tenant& tenant, const std::string& after, std::size_t limit);
Result<bool> is_group(Tenant& tenant, const std::string& id);

}  // namespace kopial
