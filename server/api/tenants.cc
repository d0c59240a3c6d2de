// Tenants, as system administrators manage them; and what a tenant's own people may see of its state.
#include <algorithm>
#include <map>
#include <mutex>

#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/user_view.h"
#include "server/people/audit.h"
#include "server/services.h"
#include "storage/base/log.h"
#include "storage/crypto/digest.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::chrono::minutes kConfirmationLife{10};

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

json::object view(const TenantFacts& facts) {
  json::array languages;
  for (const auto& language : facts.languages) languages.push_back(json::string(language));
  return {{"slug", facts.slug}, {"name", facts.name}, {"languages", std::move(languages)}, {"region", facts.region}, {"created_at", format_rfc3339(facts.created_at)}};
}

Result<void> check_languages(const std::vector<std::string>& languages) {
  static constexpr std::string_view kKnown[] = {"da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "tr"};
  for (const auto& language : languages) {
    if (std::find(std::begin(kKnown), std::end(kKnown), language) == std::end(kKnown)) {
      return Error{ErrorCode::invalid, "'" + language.substr(0, 20) + "' is not a language whose words are known; da, de, en, es, fi, fr, hu, it, nl, no, pt, ro, ru, sv and tr are"};
    }
  }
  return {};
}

http::Response list(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto tenants = call.services.tenants.list();
  if (!tenants) return fail(call, tenants.error());
  auto at = tenants->begin();
  if (!page->after.empty()) {
    at = std::find_if(at, tenants->end(), [&](const TenantFacts& one) { return one.slug == page->after; });
    if (at == tenants->end()) return fail(call, {ErrorCode::invalid, "after is not a value of next"});
    ++at;
  }
  json::array items;
  std::string last;
  for (; at != tenants->end() && items.size() < page->limit; ++at) {
    items.push_back(view(*at));
    last = at->slug;
  }
  return collection(std::move(items), at == tenants->end() ? "" : last);
}

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"slug", "name", "languages", "region"});
  if (!body) return fail(call, body.error());
  auto slug = required_string(*body, "slug", 63);
  auto name = required_string(*body, "name", 200);
  auto languages = optional_strings(*body, "languages", 5);
  auto region = optional_string(*body, "region", "", 100);
  if (!slug) return fail(call, slug.error());
  if (!name) return fail(call, name.error());
  if (!languages) return fail(call, languages.error());
  if (!region) return fail(call, region.error());
  if (auto known = check_languages(*languages); !known) return fail(call, known.error());
  if (languages->empty()) *languages = {"en", "de"};

  const TenantFacts facts{*slug, *name, *languages, *region, call.services.clock.now()};
  if (auto made = call.services.tenants.create(facts); !made) return fail(call, made.error());
  auto tenant = call.services.tenants.open(*slug);
  if (!tenant) return fail(call, tenant.error());
  User administrator;
  administrator.username = "admin";
  administrator.display_name = "Administrator";
  administrator.roles = {Role::administrator};
  auto user = call.services.users.create((*tenant)->store().records(), std::move(administrator));
  if (!user) return fail(call, user.error());
  spdlog::info("tenant {} was created by {}", *slug, call.caller.username);
  auto out = view(facts);
  auto first = user_view(user->user);
  first["one_time_code"] = user->one_time_code.reveal();
  first["one_time_code_expires_at"] = time_or_null(user->user.one_time_until);
  out["administrator"] = std::move(first);
  return json_answer(201, out);
}

Result<TenantFacts> find(const ApiCall& call) {
  auto facts = call.services.tenants.find(call.slug);
  if (!facts) return facts.error();
  if (!*facts) return Error{ErrorCode::not_found, "there is no tenant '" + call.slug.substr(0, 63) + "'"};
  return **std::move(facts);
}

http::Response show(const ApiCall& call) {
  auto facts = find(call);
  return facts ? json_answer(200, view(*facts)) : fail(call, facts.error());
}

http::Response change(const ApiCall& call) {
  auto facts = find(call);
  if (!facts) return fail(call, facts.error());
  auto body = read_object(call.request.body, {"name", "region"});
  if (!body) return fail(call, body.error());
  auto name = optional_string(*body, "name", facts->name, 200);
  auto region = optional_string(*body, "region", facts->region, 100);
  if (!name) return fail(call, name.error());
  if (!region) return fail(call, region.error());
  facts->name = *name;
  facts->region = *region;
  if (auto done = call.services.tenants.update(*facts); !done) return fail(call, done.error());
  return json_answer(200, view(*facts));
}

// Removing a tenant takes two requests: the first says what would go and gives a word that the second must repeat.
class Removal {
 public:
  http::Response operator()(const ApiCall& call) {
    auto facts = find(call);
    if (!facts) return fail(call, facts.error());
    const auto confirm = call.request.parameter("confirm");
    if (auto recent = check_step_up(call.caller); !recent) return fail(call, recent.error());
    if (!confirm) return ask(call);
    {
      const std::lock_guard lock(mutex_);
      const auto found = asked_.find(call.slug);
      if (found == asked_.end() || !equal_in_constant_time(found->second.word, *confirm) || call.services.clock.now() > found->second.until) {
        return fail(call, {ErrorCode::conflict, "the confirmation is wrong or has expired; ask again without confirm"});
      }
      asked_.erase(found);
    }
    if (auto done = call.services.tenants.destroy(call.slug); !done) return fail(call, done.error());
    spdlog::warn("tenant {} was destroyed by {}", call.slug, call.caller.username);
    http::Response response;
    response.status = 204;
    return response;
  }

 private:
  struct Asked {
    std::string word;
    Time until;
  };
  http::Response ask(const ApiCall& call) {
    const Asked asked{random_token(), call.services.clock.now() + kConfirmationLife};
    const std::lock_guard lock(mutex_);
    asked_[call.slug] = asked;
    return json_answer(202, json::object{{"confirm", asked.word}, {"expires_at", format_rfc3339(asked.until)},
                                         {"warning", "the tenant's key and all of its mail will be destroyed; nothing can bring them back"}});
  }
  std::mutex mutex_;
  std::map<std::string, Asked> asked_;
};

http::Response status(const ApiCall& call) {
  auto& tenant = call.tenant();
  auto totals = tenant.store().totals();
  if (!totals) return fail(call, totals.error());
  auto store_bytes = tenant.store().disk_bytes();
  auto index_bytes = tenant.index().disk_bytes();
  if (!store_bytes) return fail(call, store_bytes.error());
  if (!index_bytes) return fail(call, index_bytes.error());
  const auto position = to_number(tenant.index().position()), last = to_number(totals->last_change);
  const auto trouble = tenant.index_trouble();
  const auto evidence = tenant.store().evidence().status();
  return json_answer(200, json::object{{"messages", totals->messages},
                                       {"copies", totals->copies},
                                       {"placements", totals->placements},
                                       {"raw_bytes", totals->raw_bytes},
                                       {"store_bytes", *store_bytes},
                                       {"index_bytes", *index_bytes},
                                       {"index_pending_changes", last - std::min(last, position)},
                                       {"index_trouble", trouble.empty() ? json::value(nullptr) : json::value(trouble)},
                                       {"evidence_leaves", evidence.size},
                                       {"evidence_signed_leaves", evidence.signed_size},
                                       {"evidence_trouble", evidence.trouble.empty() ? json::value(nullptr) : json::value(evidence.trouble)},
                                       {"evidence_beginning", evidence.beginning.empty() ? json::value(nullptr) : json::value(evidence.beginning)}});
}

http::Response audit(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  AuditFilter filter;
  for (const auto& [name, into] : {std::pair("since", &filter.since), std::pair("until", &filter.until)}) {
    const auto given = call.request.parameter(name);
    if (!given) continue;
    *into = parse_rfc3339(*given);
    if (!*into) return fail(call, {ErrorCode::invalid, std::string("'") + name + "' must be a time such as 2026-11-24T00:00:00Z"});
  }
  filter.user = call.request.parameter("user").value_or("");
  filter.action = call.request.parameter("event").value_or("");
  filter.object = call.request.parameter("object").value_or("");
  auto after = page->after;
  auto events = read_audit(call.tenant(), filter, after, page->limit);
  if (!events) return fail(call, events.error());
  json::array items;
  for (const auto& event : *events) {
    items.push_back({{"at", format_rfc3339(event.at)}, {"user_id", event.user_id}, {"username", event.username}, {"action", event.action},
                     {"object", event.object}, {"purpose", event.purpose}, {"remote_address", event.remote_address}, {"request_id", event.request_id},
                     {"reason", event.reason}, {"leaf", event.leaf}});
  }
  return collection(std::move(items), after);
}

}  // namespace

void add_tenant_routes(Api& api) {
  api.add({"GET", "/api/v1/tenants", Need::system, list});
  api.add({"POST", "/api/v1/tenants", Need::system, create});
  api.add({"GET", "/api/v1/tenants/{t}", Need::system_or_tenant_admin, show});
  api.add({"PATCH", "/api/v1/tenants/{t}", Need::system_or_tenant_admin, change});
  api.add({"DELETE", "/api/v1/tenants/{t}", Need::system, [removal = std::make_shared<Removal>()](const ApiCall& call) { return (*removal)(call); }});
  api.add({"GET", "/api/v1/tenants/{t}/status", Need::auditor, status});
  api.add({"GET", "/api/v1/tenants/{t}/audit", Need::auditor, audit});
}

}  // namespace kopial
