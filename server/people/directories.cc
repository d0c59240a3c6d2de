#include "server/people/directories.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "connectors/http/client.h"
#include "server/archiving/credentials.h"
#include "storage/base/encoding.h"
#include "storage/base/json_fields.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "directory", kGroupKind = "group", kScheduleKind = "directory_schedule";
constexpr std::size_t kDirectoriesMax = 20, kPreviewsMax = 16, kBatch = 1000;
constexpr std::chrono::hours kPreviewLife{1}, kCompleteEvery{24};

// The view an administrator gets, and what he does not get. Records are sealed at rest.
std::string encode(const DirectoryConfig& config) {
  auto out = Directories::view(config);
  json::object domains;
  for (const auto& [name, domain] : config.domains) domains[name] = domain;
  out["v"] = 1;
  out["ca_pem"] = config.server.ca_pem;
  out["bind_password"] = config.server.bind_password.reveal();
  out["csv"] = config.csv;
  out["cursor"] = config.cursor;
  out["domains"] = std::move(domains);
  return json::serialize(out);
}

Result<DirectoryConfig> decode(const Record& record) {
  json::error_code bad;
  auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of directory " + record.id + " cannot be read"};
  auto& object = value.get_object();
  DirectoryConfig config;
  config.id = record.id;
  config.revision = record.revision;
  config.cursor = text(object, "cursor");
  config.last_error = text(object, "last_error");
  config.created_at = parse_rfc3339(text(object, "created_at")).value_or(Time{});
  config.synced_at = parse_rfc3339(text(object, "synced_at"));
  config.complete_at = parse_rfc3339(text(object, "complete_at"));
  if (const auto* domains = object.if_contains("domains"); domains != nullptr && domains->is_object()) {
    for (const auto& one : domains->get_object()) {
      if (one.value().is_string()) config.domains[std::string(one.key())] = std::string(one.value().get_string());
    }
  }
  for (const char* own : {"v", "id", "has_ca", "has_bind_password", "cursor", "last_error", "created_at", "synced_at", "complete_at", "domains"}) object.erase(own);
  if (auto read = Directories::read_fields(object, config); !read) return read.error().with_context("the record of directory " + record.id);
  return config;
}

std::string preview_key(Tenant& tenant, const std::string& directory) { return tenant.facts().slug + "/" + directory; }

// Of the people a plan is about, as they are now. Equal: nobody changed them since.
std::string fingerprint_of(const SyncPlan& plan, const std::vector<Person>& people) {
  std::unordered_set<std::string> about;
  for (const auto& step : plan.steps) about.insert(step.person);
  Sha256 digest;
  for (const auto& person : people) {
    if (about.contains(person.id)) digest.update(person.id + "\n" + canonical(person) + (person.privileged ? "!" : "") + "\n");
  }
  return digest.finish().hex();
}

}  // namespace

Result<std::vector<DirectoryConfig>> Directories::list(Tenant& tenant) {
  auto listed = tenant.store().records().list(kKind, "", kDirectoriesMax);
  if (!listed) return listed.error();
  std::vector<DirectoryConfig> out;
  for (const auto& record : *listed) {
    auto config = decode(record);
    if (!config) return config.error();
    out.push_back(*std::move(config));
  }
  return out;
}

Result<std::optional<DirectoryConfig>> Directories::find(Tenant& tenant, const std::string& id) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<DirectoryConfig>();
  auto config = decode(**record);
  if (!config) return config.error();
  return std::optional(*std::move(config));
}

Result<DirectoryConfig> Directories::create(Tenant& tenant, DirectoryConfig config) {
  auto present = list(tenant);
  if (!present) return present.error();
  if (present->size() >= kDirectoriesMax) return Error{ErrorCode::conflict, fmt::format("a tenant has at most {} directories", kDirectoriesMax)};
  config.id = random_token();
  config.created_at = clock_.now();
  auto kept = tenant.store().records().put(std::string(kKind), config.id, encode(config), 0);
  if (!kept) return kept.error();
  config.revision = 1;
  if (auto planned = schedule(tenant, config); !planned) return planned.error();
  return config;
}

Result<DirectoryConfig> Directories::update(Tenant& tenant, DirectoryConfig config) {
  config.cursor.clear();  // With another filter, what did not change may be wanted now.
  auto kept = tenant.store().records().put(std::string(kKind), config.id, encode(config), config.revision);
  if (!kept) return kept.error().code == ErrorCode::conflict ? Error{ErrorCode::conflict, "the directory was changed meanwhile; read it again"} : kept.error();
  ++config.revision;
  if (auto planned = schedule(tenant, config); !planned) return planned.error();
  return config;
}

Result<void> Directories::remove(Tenant& tenant, const std::string& id) {
  if (auto removed = tenant.store().records().remove(std::string(kKind), id); !removed) return removed;
  return system_.remove(std::string(kScheduleKind), preview_key(tenant, id));
}

// The system knows when a tenant must be opened for its directories; nothing else of them.
Result<void> Directories::schedule(Tenant& tenant, const DirectoryConfig& config) {
  const auto id = preview_key(tenant, config.id);
  if (config.every.count() == 0) return system_.remove(std::string(kScheduleKind), id);
  const auto next = config.synced_at ? *config.synced_at + config.every : clock_.now();
  return system_.put(std::string(kScheduleKind), id, json::serialize(json::object{{"tenant", tenant.facts().slug}, {"directory", config.id}, {"next", format_rfc3339(next)}}));
}

Result<LdapDirectoryOptions> Directories::ldap_options(const DirectoryConfig& config) const {
  auto schema = ldap_schema(config.kind == "active_directory" ? "active_directory" : config.preset);
  if (!schema) return schema.error();
  LdapDirectoryOptions options;
  options.server = config.server;
  options.server.allowed_hosts = settings_.connectors.allowed_hosts;
  options.schema = *std::move(schema);
  options.bases = config.bases;
  const std::pair<std::string_view, std::string*> texts[] = {{"user_filter", &options.schema.user_filter}, {"group_filter", &options.schema.group_filter},
                                                             {"id", &options.schema.id},                   {"login", &options.schema.login},
                                                             {"upn", &options.schema.upn},                 {"display_name", &options.schema.display_name},
                                                             {"disabled", &options.schema.disabled}};
  for (const auto& [name, value] : texts) {
    if (config.attributes.contains(name)) *value = text(config.attributes, name);
  }
  const std::pair<std::string_view, std::vector<std::string>*> lists[] = {{"addresses", &options.schema.addresses}, {"members", &options.schema.members}};
  for (const auto& [name, values] : lists) {
    const auto* given = config.attributes.if_contains(name);
    if (given == nullptr || given->get_array().empty()) continue;
    values->clear();
    for (const auto& one : given->get_array()) values->emplace_back(one.get_string());
  }
  return options;
}

Result<DirectoryState> Directories::read(Tenant& tenant, const DirectoryConfig& config, const std::string& cursor, std::stop_token stop) {
  if (config.kind == "csv") return read_csv_directory(config.csv);
  if (config.kind != "entra") {
    auto options = ldap_options(config);
    if (!options) return options.error();
    return make_ldap_directory(*std::move(options), clock_)->read(cursor, stop);
  }
  auto credential = find_credential(tenant, config.credential);
  if (!credential) return credential.error();
  if (!*credential) return Error{ErrorCode::not_found, "the credential of this directory is gone"};
  HttpClientOptions options;
  options.allowed_hosts = settings_.connectors.allowed_hosts;
  options.ca_pem = (*credential)->ca_pem;
  auto http = HttpClient::make(std::move(options));
  if (!http) return http.error();
  return make_entra_directory((*credential)->app, **http, clock_)->read(cursor, stop);
}

Result<void> Directories::check(Tenant& tenant, const DirectoryConfig& config, std::stop_token stop) {
  if (config.kind == "active_directory" || config.kind == "ldap") {
    auto options = ldap_options(config);
    if (!options) return options.error();
    return make_ldap_directory(*std::move(options), clock_)->check(stop);
  }
  if (config.kind == "csv") {
    auto state = read_csv_directory(config.csv);
    return state ? Result<void>() : Result<void>(state.error());
  }
  auto credential = find_credential(tenant, config.credential);
  if (!credential) return credential.error();
  if (!*credential) return Error{ErrorCode::not_found, "the credential of this directory is gone"};
  HttpClientOptions options;
  options.allowed_hosts = settings_.connectors.allowed_hosts;
  options.ca_pem = (*credential)->ca_pem;
  auto http = HttpClient::make(std::move(options));
  if (!http) return http.error();
  return make_entra_directory((*credential)->app, **http, clock_)->check(stop);
}

SyncPolicy Directories::policy_with_priorities(Tenant& tenant, const DirectoryConfig& config) {
  auto policy = config.policy;
  if (auto all = list(tenant)) {
    for (const auto& one : *all) policy.priorities[one.id] = one.policy.priority;
  }
  return policy;
}

Result<std::shared_ptr<SyncPreview>> Directories::plan(Tenant& tenant, const DirectoryConfig& config, const std::string& cursor, std::stop_token stop) {
  auto state = read(tenant, config, cursor, stop);
  if (!state) return state.error();
  auto made = std::make_shared<SyncPreview>();
  made->id = random_token();
  made->at = clock_.now();
  made->plan.directory = config.id;
  made->plan.at = made->at;
  const bool nothing = !state->complete && state->entries.empty() && state->removed.empty();
  if (!nothing) {
    auto known = load_people(tenant, users_);
    if (!known) return known.error();
    made->plan = reconcile(*known, config.id, *state, policy_with_priorities(tenant, config), made->at);
    made->fingerprint = fingerprint_of(made->plan, *known);
  }
  state->entries = {};  // Large, and all of it is in the plan now.
  made->state = *std::move(state);
  return made;
}

Result<std::shared_ptr<const SyncPreview>> Directories::preview(Tenant& tenant, const DirectoryConfig& config, std::stop_token stop) {
  auto made = plan(tenant, config, "", stop);
  if (!made) return made.error();
  const std::shared_ptr<const SyncPreview> out = *std::move(made);
  const std::lock_guard lock(mutex_);
  std::erase_if(previews_, [&](const auto& one) { return clock_.now() - one.second->at > kPreviewLife; });
  if (previews_.size() >= kPreviewsMax) {
    previews_.erase(std::min_element(previews_.begin(), previews_.end(), [](const auto& a, const auto& b) { return a.second->at < b.second->at; }));
  }
  previews_[preview_key(tenant, config.id)] = out;
  return out;
}

std::shared_ptr<const SyncPreview> Directories::previewed(Tenant& tenant, const std::string& directory) {
  const std::lock_guard lock(mutex_);
  const auto found = previews_.find(preview_key(tenant, directory));
  if (found == previews_.end() || clock_.now() - found->second->at > kPreviewLife) return nullptr;
  return found->second;
}

Result<std::shared_ptr<const SyncPreview>> Directories::sync(Tenant& tenant, const DirectoryConfig& config, const Wanted& wanted, std::stop_token stop) {
  const std::lock_guard one_at_a_time(syncing_);
  std::shared_ptr<const SyncPreview> chosen;
  if (!wanted.preview.empty()) {
    chosen = previewed(tenant, config.id);
    if (!chosen || chosen->id != wanted.preview) return Error{ErrorCode::conflict, "this preview is not kept any more; make a new one"};
    auto known = load_people(tenant, users_);
    if (!known) return known.error();
    if (fingerprint_of(chosen->plan, *known) != chosen->fingerprint) {
      return Error{ErrorCode::conflict, "somebody whom this preview is about was changed since; make a new one"};
    }
  } else {
    const bool complete = wanted.complete || !config.complete_at || clock_.now() - *config.complete_at > kCompleteEvery;
    auto made = plan(tenant, config, complete ? "" : config.cursor, stop);
    if (!made) {
      if (auto current = find(tenant, config.id); current && *current) {
        (*current)->last_error = made.error().message;
        if (auto kept = tenant.store().records().put(std::string(kKind), config.id, encode(**current), (*current)->revision); !kept) {
          spdlog::warn("tenant {}: the failure of a synchronisation could not be noted: {}", tenant.facts().slug, kept.error().message);
        }
      }
      return made.error();
    }
    chosen = *std::move(made);
  }
  if (chosen->plan.stopped && !wanted.confirm_losses) {
    return Error{ErrorCode::conflict, fmt::format("{} people would be disabled or orphaned, {} are allowed: nothing was changed. Look at the preview; confirm_losses does it all the same",
                                              chosen->plan.losses, chosen->plan.losses_allowed)};
  }
  if (auto done = execute(tenant, config, *chosen); !done) return done.error();
  const std::lock_guard lock(mutex_);
  previews_.erase(preview_key(tenant, config.id));
  return chosen;
}

Result<void> Directories::execute(Tenant& tenant, DirectoryConfig config, const SyncPreview& preview) {
  if (!preview.plan.steps.empty()) {
    auto known = load_people(tenant, users_);
    if (!known) return known.error();
    const auto changed = apply_plan(preview.plan, *known);
    known->clear();
    if (auto kept = keep_people(tenant, users_, changed, preview.at); !kept) return kept;
  }
  if (preview.state.complete) {
    if (auto kept = keep_groups(tenant, config.id, preview.state.groups); !kept) return kept;
  }
  // The cursor moves only now: what it covers is on disk.
  auto current = find(tenant, config.id);
  if (!current) return current.error();
  if (!*current) return {};
  const bool same = (*current)->revision == config.revision;
  (*current)->cursor = same ? preview.state.cursor : "";
  (*current)->synced_at = clock_.now();
  (*current)->last_error.clear();
  if (preview.state.complete) {
    (*current)->complete_at = (*current)->synced_at;
    (*current)->domains = preview.state.domains;
  }
  auto kept = tenant.store().records().put(std::string(kKind), config.id, encode(**current), (*current)->revision);
  if (!kept) return kept;
  return schedule(tenant, **current);
}

Result<void> Directories::keep_groups(Tenant& tenant, const std::string& directory, const std::vector<DirectoryGroup>& groups) {
  auto& records = tenant.store().records();
  std::unordered_map<std::string, std::string> present;
  for (std::string after;;) {
    auto page = list_groups(tenant, after, kBatch);
    if (!page) return page.error();
    for (const auto& [id, name] : *page) {
      if (id.starts_with(directory + "/")) present[id] = name;
    }
    if (page->size() < kBatch) break;
    after = page->back().first;
  }
  std::vector<RecordWrite> writes;
  const auto flush = [&]() -> Result<void> {
    if (writes.empty()) return {};
    auto done = records.write(std::move(writes));
    writes.clear();
    return done;
  };
  for (const auto& group : groups) {
    const auto id = directory + "/" + group.id;
    const auto found = present.find(id);
    const bool same = found != present.end() && found->second == group.name;
    if (found != present.end()) present.erase(found);
    if (same) continue;
    writes.push_back({std::string(kGroupKind), id, json::serialize(json::object{{"v", 1}, {"name", group.name}}), std::nullopt});
    if (writes.size() >= kBatch) {
      if (auto done = flush(); !done) return done;
    }
  }
  for (const auto& [id, name] : present) writes.push_back({std::string(kGroupKind), id, std::nullopt, std::nullopt});
  return flush();
}

void Directories::run_due(std::stop_token stop) {
  auto listed = system_.list(kScheduleKind, "", 10'000);
  if (!listed) return;
  for (const auto& record : *listed) {
    json::error_code bad;
    const auto value = json::parse(record.json, bad);
    if (bad || !value.is_object() || stop.stop_requested()) continue;
    const auto& object = value.get_object();
    if (clock_.now() < parse_rfc3339(text(object, "next")).value_or(Time{})) continue;
    auto tenant = tenants_.open(text(object, "tenant"));
    if (!tenant) {
      if (tenant.error().code == ErrorCode::not_found) (void)system_.remove(std::string(kScheduleKind), record.id).ok();
      continue;
    }
    auto config = find(**tenant, text(object, "directory"));
    if (!config || !*config) continue;
    auto done = sync(**tenant, **config, {}, stop);
    if (done) continue;
    spdlog::warn("tenant {}: directory '{}' could not be synchronised: {}", (*tenant)->facts().slug, (*config)->name, done.error().message);
    // Not at once again: a directory that is down is asked at its usual pace.
    (*config)->synced_at = clock_.now();
    if (auto planned = schedule(**tenant, **config); !planned) spdlog::warn("the next synchronisation could not be planned: {}", planned.error().message);
  }
}

Result<std::optional<bool>> Directories::check_password(Tenant& tenant, const Person& person, const Secret& password) {
  std::optional<Error> failed;
  bool any = false;
  for (const auto& link : person.links) {
    if (!link.present) continue;
    auto config = find(tenant, link.directory);
    if (!config) return config.error();
    if (!*config || !(*config)->passwords || ((*config)->kind != "active_directory" && (*config)->kind != "ldap")) continue;
    any = true;
    auto options = ldap_options(**config);
    if (!options) return options.error();
    auto right = check_ldap_password(*options, link.id, password, {});
    if (!right) {
      failed = right.error();
      continue;
    }
    if (*right) return std::optional(true);
  }
  if (failed) return Error{ErrorCode::unavailable, "the directory that knows the password does not answer"};
  return any ? std::optional(false) : std::optional<bool>();
}

Result<std::vector<std::pair<std::string, std::string>>> list_groups(Tenant& tenant, const std::string& after, std::size_t limit) {
  auto listed = tenant.store().records().list(kGroupKind, after, limit);
  if (!listed) return listed.error();
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& record : *listed) {
    json::error_code bad;
    const auto value = json::parse(record.json, bad);
    if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of a group cannot be read"};
    out.emplace_back(record.id, text(value.get_object(), "name"));
  }
  return out;
}

Result<bool> is_group(Tenant& tenant, const std::string& id) {
  if (id.empty() || id.size() > 500) return false;
  auto record = tenant.store().records().get(kGroupKind, id);
  if (!record) return record.error();
  return record->has_value();
}

}  // namespace kopial
