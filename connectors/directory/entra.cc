// Entra ID through Microsoft Graph: users and groups by delta. Two requests when nothing changed.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "connectors/directory/directory.h"
#include "connectors/graph/service.h"
#include "connectors/http/url.h"

namespace kopial {
namespace json = boost::json;
namespace {

using graph::list;

constexpr std::string_view kUserFields =
    "id,userPrincipalName,displayName,mail,proxyAddresses,accountEnabled,userType,assignedPlans,onPremisesImmutableId,onPremisesSamAccountName,"
    "onPremisesDomainName,onPremisesSecurityIdentifier";
constexpr std::size_t kPage = 999;
constexpr std::size_t kChangedMax = 500;  // More are cheaper to read as a whole.
constexpr std::size_t kPurposesAtOnce = 20;  // of $batch
constexpr std::size_t kObjectsMax = 2'000'000;

bool has_exchange(const json::object& user) {
  const auto* plans = list(user, "assignedPlans");
  return plans != nullptr && std::any_of(plans->begin(), plans->end(), [](const json::value& plan) {
    return plan.is_object() && text(plan.get_object(), "service") == "exchange" && text(plan.get_object(), "capabilityStatus") == "Enabled";
  });
}

DirectoryEntry entry_of(const json::object& user) {
  DirectoryEntry entry;
  entry.id = fold(text(user, "id"));
  entry.upn = text(user, "userPrincipalName");
  entry.display_name = text(user, "displayName");
  entry.anchor = text(user, "onPremisesImmutableId");
  entry.sid = text(user, "onPremisesSecurityIdentifier");
  const auto domain = text(user, "onPremisesDomainName"), account = text(user, "onPremisesSamAccountName");
  if (!domain.empty() && !account.empty()) entry.account = fold(domain) + "\\" + fold(account);
  std::vector<std::string> proxies;
  if (const auto* given = list(user, "proxyAddresses")) {
    for (const auto& one : *given) {
      if (one.is_string()) proxies.emplace_back(one.get_string());
    }
  }
  read_proxy_addresses(proxies, text(user, "mail"), entry);
  entry.enabled = !user.contains("accountEnabled") || flag(user, "accountEnabled");
  entry.licensed = has_exchange(user);
  entry.guest = text(user, "userType") == "Guest" || fold(entry.upn).find("#ext#") != std::string::npos;
  // A disabled account without a licence may be a leaver, or a shared mailbox: it is asked for below.
  if (entry.enabled || entry.licensed) entry.kind = MailboxKind::person;
  if (entry.licensed) entry.home = MailHome::cloud;
  return entry;
}

class EntraDirectory final : public Directory {
 public:
  EntraDirectory(const EntraApp& app, HttpClient& http, Clock& clock) : service_(app, GraphOptions{}, http, clock) {}

  Result<void> check(std::stop_token stop) override {
    for (const char* what : {"/users?$top=1&$select=id", "/groups?$top=1&$select=id"}) {
      auto answer = service_.call({.url = service_.base() + what}, stop);
      if (!answer) return answer.error();
      if (!answer->ok()) return answer->error().with_context("reading the directory (are User.Read.All and GroupMember.Read.All granted and consented?)");
    }
    return {};
  }

  Result<DirectoryState> read(const std::string& cursor, std::stop_token stop) override {
    requests_ = 0;
    auto state = cursor.empty() ? Result<std::optional<DirectoryState>>(std::optional<DirectoryState>()) : read_changes(cursor, stop);
    if (!state) return state.error();
    if (!*state) {
      auto all = read_all(stop);
      if (!all) return all.error();
      *state = *std::move(all);
    }
    (*state)->requests = requests_;
    return **std::move(state);
  }

 private:
  // All pages of a delta round from `link` on, object by object; `next_time` is its delta link. False: the link is too old.
  Result<bool> round(std::string link, std::string& next_time, const std::function<void(const json::object&)>& found, std::stop_token stop) {
    std::size_t count = 0;
    while (true) {
      auto answer = service_.call({.url = link, .page_size = kPage}, stop, &requests_);
      if (!answer) return answer.error();
      if (answer->is_sync_reset()) return false;
      if (!answer->ok()) return answer->error().with_context("reading the directory");
      if (const auto* values = list(answer->json, "value")) {
        for (const auto& value : *values) {
          if (value.is_object()) found(value.get_object());
        }
        count += values->size();
      }
      if (count > kObjectsMax) return Error{ErrorCode::too_large, "the directory has more than two million objects"};
      next_time = text(answer->json, "@odata.deltaLink");
      if (!next_time.empty()) return true;
      link = text(answer->json, "@odata.nextLink");
      if (link.empty()) return Error{ErrorCode::unavailable, "Graph's listing ended without saying where to go on; nothing of it was used"};
    }
  }

  Result<DirectoryState> read_all(std::stop_token stop) {
    DirectoryState state;
    std::string users_link, groups_link;
    const Error refused{ErrorCode::unavailable, "Graph refused a listing from its start"};
    std::unordered_map<std::string, std::size_t> at;  // The last of twice wins.
    auto users = round(service_.base() + "/users/delta?$select=" + std::string(kUserFields), users_link, [&](const json::object& user) {
      auto entry = entry_of(user);
      if (entry.id.empty()) return;
      const auto [known, is_new] = at.emplace(entry.id, state.entries.size());
      if (user.contains("@removed")) entry.id.clear();
      if (is_new) state.entries.push_back(std::move(entry));
      else state.entries[known->second] = std::move(entry);
    }, stop);
    if (!users) return users.error();
    if (!*users) return refused;
    std::erase_if(state.entries, [](const DirectoryEntry& entry) { return entry.id.empty(); });
    at.clear();
    std::unordered_set<std::string> removed;
    auto groups = round(service_.base() + "/groups/delta?$select=displayName,members", groups_link,
                        [&](const json::object& group) { read_group(group, state, at, removed); }, stop);
    if (!groups) return groups.error();
    if (!*groups) return refused;
    std::erase_if(state.groups, [&](const DirectoryGroup& group) { return removed.contains(group.id); });
    if (auto done = ask_purposes(state.entries, stop); !done) return done.error();
    state.cursor = json::serialize(json::object{{"v", 1}, {"users", users_link}, {"groups", groups_link}});
    return state;
  }

  // A large group comes in several pieces, each with some of its members.
  static void read_group(const json::object& object, DirectoryState& state, std::unordered_map<std::string, std::size_t>& at, std::unordered_set<std::string>& removed) {
    const auto id = fold(text(object, "id"));
    if (id.empty()) return;
    if (object.contains("@removed")) {
      removed.insert(id);
      return;
    }
    const auto [found, is_new] = at.emplace(id, state.groups.size());
    if (is_new) state.groups.push_back({id, "", {}});
    auto& group = state.groups[found->second];
    if (const auto name = text(object, "displayName"); !name.empty()) group.name = name;
    const auto* members = list(object, "members@delta");
    if (members == nullptr) return;
    for (const auto& member : *members) {
      if (!member.is_object()) continue;
      const auto member_id = fold(text(member.get_object(), "id"));
      if (member.get_object().contains("@removed")) std::erase(group.members, member_id);
      else if (!member_id.empty()) group.members.push_back(member_id);
    }
  }

  // Whether disabled accounts are shared, room or equipment mailboxes. Without the permission for it they stay what they look like.
  Result<void> ask_purposes(std::vector<DirectoryEntry>& entries, std::stop_token stop) {
    std::vector<DirectoryEntry*> asked;
    for (auto& entry : entries) {
      if (entry.kind == MailboxKind::unknown && !entry.guest && !entry.addresses.empty()) asked.push_back(&entry);
    }
    for (std::size_t begin = 0; begin < asked.size(); begin += kPurposesAtOnce) {
      const auto end = std::min(asked.size(), begin + kPurposesAtOnce);
      json::array wanted;
      for (std::size_t at = begin; at < end; ++at) {
        wanted.push_back({{"id", std::to_string(at)}, {"method", "GET"}, {"url", "/users/" + percent_encode(asked[at]->id) + "/mailboxSettings/userPurpose"}});
      }
      graph::Call call;
      call.url = service_.base() + "/$batch";
      call.method = "POST";
      call.body = json::serialize(json::object{{"requests", std::move(wanted)}});
      auto answer = service_.call(call, stop, &requests_);
      if (!answer) return answer.error();
      if (!answer->ok()) return {};
      const auto* responses = list(answer->json, "responses");
      if (responses == nullptr) return {};
      for (const auto& response : *responses) {
        if (!response.is_object()) continue;
        const auto at = std::strtoul(text(response.get_object(), "id").c_str(), nullptr, 10);
        const auto* body = response.get_object().if_contains("body");
        if (at < begin || at >= end || body == nullptr || !body->is_object()) continue;
        const auto purpose = text(body->get_object(), "value");
        if (purpose.empty()) continue;
        asked[at]->kind = purpose == "user" || purpose == "linked" ? MailboxKind::person : mailbox_kind_called(purpose);
        asked[at]->home = MailHome::cloud;
      }
    }
    return {};
  }

  Result<std::optional<DirectoryState>> read_changes(const std::string& cursor, std::stop_token stop) {
    json::error_code bad;
    const auto value = json::parse(cursor, bad);
    if (bad || !value.is_object()) return std::optional<DirectoryState>();
    auto users_link = text(value.get_object(), "users"), groups_link = text(value.get_object(), "groups");
    if (users_link.empty() || groups_link.empty()) return std::optional<DirectoryState>();
    bool group_changed = false;
    auto groups = round(groups_link, groups_link, [&](const json::object&) { group_changed = true; }, stop);
    if (!groups) return groups.error();
    if (!*groups || group_changed) return std::optional<DirectoryState>();
    std::unordered_map<std::string, bool> changed;  // id -> removed; the last of twice wins
    auto users = round(users_link, users_link, [&](const json::object& user) {
      if (const auto id = fold(text(user, "id")); !id.empty()) changed[id] = user.contains("@removed");
    }, stop);
    if (!users) return users.error();
    if (!*users) return std::optional<DirectoryState>();
    DirectoryState state;
    state.complete = false;
    if (changed.size() > kChangedMax) return std::optional<DirectoryState>();
    for (const auto& [id, removed] : changed) {
      if (removed) {
        state.removed.push_back(id);
        continue;
      }
      // A delta need not hold more than what changed: the whole object is asked for.
      auto answer = service_.call({.url = service_.base() + "/users/" + percent_encode(id) + "?$select=" + std::string(kUserFields)}, stop, &requests_);
      if (!answer) return answer.error();
      if (answer->status == 404) state.removed.push_back(id);
      else if (!answer->ok()) return answer->error().with_context("reading a user");
      else state.entries.push_back(entry_of(answer->json));
    }
    if (auto done = ask_purposes(state.entries, stop); !done) return done.error();
    state.cursor = json::serialize(json::object{{"v", 1}, {"users", users_link}, {"groups", groups_link}});
    return std::optional(std::move(state));
  }

  graph::Service service_;
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace

std::unique_ptr<Directory> make_entra_directory(const EntraApp& app, HttpClient& http, Clock& clock) {
  return std::make_unique<EntraDirectory>(app, http, clock);
}

}  // namespace kopial
