#include "connectors/graph/connector.h"

#include <fmt/format.h>

#include "connectors/graph/actions.h"
#include "connectors/graph/mailbox_listing.h"
#include "connectors/graph/mailbox_pull.h"
#include "connectors/graph/service.h"
#include "connectors/http/url.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kUserFields = "id,userPrincipalName,displayName,mail,proxyAddresses,accountEnabled,userType,assignedPlans";
constexpr std::size_t kBatchMax = 20;  // of Graph's $batch
constexpr std::size_t kMailboxesMax = 1'000'000;
constexpr std::size_t kTreesKept = 32;

bool has_exchange_plan(const json::object& user) {
  const auto* plans = graph::list(user, "assignedPlans");
  if (plans == nullptr) return false;
  return std::any_of(plans->begin(), plans->end(), [](const json::value& plan) {
    return plan.is_object() && text(plan.get_object(), "service") == "exchange" && text(plan.get_object(), "capabilityStatus") == "Enabled";
  });
}

std::vector<std::string> smtp_addresses(const json::object& user) {
  std::vector<std::string> out;
  const auto add = [&](std::string address) {
    if (!address.empty() && std::find(out.begin(), out.end(), address) == out.end()) out.push_back(std::move(address));
  };
  add(text(user, "mail"));
  if (const auto* proxies = graph::list(user, "proxyAddresses")) {
    for (const auto& proxy : *proxies) {
      if (!proxy.is_string()) continue;
      const std::string text(proxy.get_string());
      if (text.starts_with("SMTP:") || text.starts_with("smtp:")) add(text.substr(5));
    }
  }
  return out;
}

SourceMailbox mailbox_of(const json::object& user) {
  SourceMailbox mailbox;
  mailbox.id = text(user, "id");
  mailbox.upn = text(user, "userPrincipalName");
  mailbox.display_name = text(user, "displayName");
  mailbox.mail = text(user, "mail");
  mailbox.addresses = smtp_addresses(user);
  mailbox.enabled = !user.contains("accountEnabled") || flag(user, "accountEnabled");
  mailbox.purpose = mailbox.enabled ? SourceMailbox::Purpose::user : SourceMailbox::Purpose::unknown;
  return mailbox;
}

// Whether this user can have a mailbox. Shared mailboxes have no licence, so an address is enough; guests never have one.
bool may_have_mailbox(const json::object& user) {
  return text(user, "userType") != "Guest" && (has_exchange_plan(user) || !smtp_addresses(user).empty());
}

SourceMailbox::Purpose purpose_called(const std::string& name) {
  using enum SourceMailbox::Purpose;
  if (name == "user" || name == "linked") return user;
  if (name == "shared") return shared;
  if (name == "room") return room;
  if (name == "equipment") return equipment;
  return unknown;
}

class Connector final : public Source {
 public:
  Connector(const EntraApp& app, GraphOptions options, HttpClient& http, Clock& clock, std::optional<GraphShared> shared)
      : service_(app, std::move(options), http, clock, shared) {}

  Result<void> check(std::stop_token stop) override {
    auto answer = service_.call({.url = service_.base() + "/users?$top=1&$select=id"}, stop);
    if (!answer) return answer.error();
    if (!answer->ok()) return answer->error().with_context("reading the directory (is User.Read.All granted and consented?)");
    return {};
  }

  Result<std::vector<SourceMailbox>> mailboxes(std::stop_token stop) override {
    std::vector<SourceMailbox> found;
    std::string link = service_.base() + "/users?$top=999&$select=" + std::string(kUserFields);
    while (!link.empty()) {
      auto answer = service_.call({.url = link}, stop);
      if (!answer) return answer.error();
      if (!answer->ok()) return answer->error().with_context("listing users");
      if (const auto* users = graph::list(answer->json, "value")) {
        for (const auto& user : *users) {
          if (user.is_object() && may_have_mailbox(user.get_object())) found.push_back(mailbox_of(user.get_object()));
        }
      }
      if (found.size() > kMailboxesMax) return Error{ErrorCode::too_large, "the directory has too many users"};
      const auto next = text(answer->json, "@odata.nextLink");
      if (next == link) return Error{ErrorCode::unavailable, "Graph's list of users goes in a circle"};
      link = next;
    }
    if (auto done = ask_purposes(found, stop); !done) return done.error();
    return found;
  }

  Result<SourceMailbox> mailbox(const std::string& upn_or_id, std::stop_token stop) override {
    auto answer = service_.call({.url = service_.base() + "/users/" + percent_encode(upn_or_id) + "?$select=" + std::string(kUserFields)}, stop);
    if (!answer) return answer.error();
    if (!answer->ok()) return answer->error().with_context("looking up " + upn_or_id);
    std::vector<SourceMailbox> one{mailbox_of(answer->json)};
    if (one.front().id.empty()) return Error{ErrorCode::unavailable, "Graph described " + upn_or_id + " without an id"};
    if (auto done = ask_purposes(one, stop); !done) return done.error();
    return one.front();
  }

  Result<PullReport> pull(const SourceMailbox& mailbox, EventSink& sink, const PullOptions& options, std::stop_token stop) override {
    return graph::pull_mailbox(service_, mailbox, sink, options, stop);
  }

  Result<ListReport> list(const SourceMailbox& mailbox, ListingSink& sink, std::stop_token stop) override {
    auto tree = fresh_tree(mailbox, stop);
    if (!tree) return tree.error();
    return graph::list_mailbox(service_, mailbox, **tree, sink, stop);
  }

  // Only the beta tells of archives, and only of a mailbox that Exchange Online has.
  Result<std::vector<SourceMailbox>> further_mailboxes(const SourceMailbox& mailbox, std::stop_token stop) override {
    auto answer = service_.call({.url = service_.origin() + "/beta/users/" + percent_encode(mailbox.id) + "/settings/exchange", .mailbox = mailbox.id}, stop);
    if (!answer) return answer.error();
    if (!answer->ok()) return answer->error();
    const auto id = text(answer->json, "inPlaceArchiveMailboxId");
    if (id.empty()) return std::vector<SourceMailbox>();
    SourceMailbox archive = mailbox;
    archive.id = id;
    archive.display_name += " (in-place archive)";
    archive.part_of = mailbox.id;
    archive.folder_prefix = kInPlaceArchive;
    return std::vector{archive};
  }

  Result<void> fetch(const SourceMailbox& mailbox, const SourceItem& item, EventSink& sink, std::stop_token stop) override {
    auto failed = graph::fetch_item({service_, graph::mailbox_url(service_, mailbox), mailbox.id, sink, stop}, item);
    if (!failed) return failed.error();
    return *failed ? sink.failed(item, **failed) : Result<void>();
  }

  Result<std::optional<SourceItem>> locate(const SourceMailbox& mailbox, const std::string& item, std::stop_token stop) override {
    auto tree = known_tree(mailbox, stop);
    if (!tree) return tree.error();
    return graph::locate_item(service_, mailbox, **tree, item, stop);
  }

  SourceActions* actions() override { return &actions_; }

 private:
  // Accounts nobody signs in to are shared mailboxes, rooms, or people who left; only the mailbox knows. Not being told is no failure.
  Result<void> ask_purposes(std::vector<SourceMailbox>& mailboxes, std::stop_token stop) {
    std::vector<SourceMailbox*> asked;
    for (auto& mailbox : mailboxes) {
      if (!mailbox.enabled) asked.push_back(&mailbox);
    }
    for (std::size_t from = 0; from < asked.size(); from += kBatchMax) {
      json::array requests;
      for (std::size_t at = from; at < std::min(from + kBatchMax, asked.size()); ++at) {
        requests.push_back({{"id", std::to_string(at)}, {"method", "GET"},
                            {"url", "/users/" + percent_encode(asked[at]->id) + "/mailboxSettings/userPurpose"}});
      }
      auto answer = service_.call({.url = service_.base() + "/$batch", .method = "POST", .body = json::serialize(json::object{{"requests", std::move(requests)}})}, stop);
      if (!answer) return answer.error();
      const auto* responses = graph::list(answer->json, "responses");
      if (!answer->ok() || responses == nullptr) continue;
      for (const auto& value : *responses) {
        if (!value.is_object()) continue;
        const auto& response = value.get_object();
        const auto id = text(response, "id");
        const auto* body = response.if_contains("body");
        if (number(response, "status") != 200 || body == nullptr || !body->is_object() || id.empty() || id.size() > 9 ||
            id.find_first_not_of("0123456789") != std::string::npos) {
          continue;
        }
        if (const auto at = std::stoul(id); at < asked.size()) asked[at]->purpose = purpose_called(text(body->get_object(), "value"));
      }
    }
    return {};
  }

  // Questions about single items come in crowds; the folders of the last listing answer for them.
  using Tree = std::shared_ptr<const graph::KnownTree>;
  Result<Tree> fresh_tree(const SourceMailbox& mailbox, std::stop_token stop) {
    auto tree = graph::read_tree(service_, mailbox, stop);
    if (!tree) return tree.error();
    auto shared = std::make_shared<const graph::KnownTree>(*std::move(tree));
    trees_.with([&](auto& trees) {
      if (trees.size() >= kTreesKept) trees.erase(trees.begin());
      trees[mailbox.id] = shared;
    });
    return Tree(shared);
  }
  Result<Tree> known_tree(const SourceMailbox& mailbox, std::stop_token stop) {
    const auto known = trees_.with([&](const auto& trees) {
      const auto found = trees.find(mailbox.id);
      return found == trees.end() ? Tree() : found->second;
    });
    if (known) return known;
    return fresh_tree(mailbox, stop);
  }

  graph::Service service_;
  graph::Actions actions_{service_};
  Guarded<std::map<std::string, Tree>> trees_;
};

}  // namespace

const Cloud* find_cloud(std::string_view name) {
  static constexpr Cloud kClouds[] = {
      {"global", "https://login.microsoftonline.com", "https://graph.microsoft.com", "https://outlook.office365.com"},
      {"us_government", "https://login.microsoftonline.us", "https://graph.microsoft.us", "https://outlook.office365.us"},
      {"us_government_dod", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "https://webmail.apps.mil"},
      {"china", "https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn", "https://partner.outlook.cn"},
  };
  const auto* found = std::find_if(std::begin(kClouds), std::end(kClouds), [&](const Cloud& cloud) { return cloud.name == name; });
  return found == std::end(kClouds) ? nullptr : found;
}

std::unique_ptr<Source> make_graph_source(EntraApp app, GraphOptions options, HttpClient& http, Clock& clock, std::optional<GraphShared> shared) {
  return std::make_unique<Connector>(app, std::move(options), http, clock, shared);
}

}  // namespace kopial
