#include "server/people/identity_providers.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/people/people_store.h"
#include "storage/base/encoding.h"
#include "storage/base/json_fields.h"
#include "storage/crypto/certificate.h"
#include "storage/crypto/digest.h"
#include "storage/crypto/seal.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "identity_provider", kIdentityKind = "identity", kBoundKind = "identity_of_user";
constexpr std::size_t kProvidersMax = 20, kUsedMax = 10'000, kClientsMax = 64;
constexpr std::chrono::minutes kPendingLife{10};
constexpr std::string_view kSealName = "sign-in under way";
constexpr std::string_view kCallback = "/api/v1/sessions/oidc/callback";

Error not_known() { return {ErrorCode::unauthenticated, "the identity provider knows you, and this archive does not: ask an administrator"}; }

std::string encode(const IdentityProvider& provider) {
  auto out = IdentityProviders::view(provider);
  out["v"] = 1;
  out["client_secret"] = provider.client_secret.reveal();
  out["ca_pem"] = provider.ca_pem;
  return json::serialize(out);
}

Result<IdentityProvider> decode(const Record& record) {
  json::error_code bad;
  auto value = json::parse(record.json, bad);
  if (bad || !value.is_object()) return Error{ErrorCode::corrupt, "the record of an identity provider cannot be read"};
  auto& object = value.get_object();
  IdentityProvider provider;
  provider.id = record.id;
  provider.revision = record.revision;
  provider.created_at = parse_rfc3339(text(object, "created_at")).value_or(Time{});
  for (const char* own : {"v", "id", "created_at", "has_client_secret", "has_ca"}) object.erase(own);
  if (auto read = IdentityProviders::read_fields(object, provider); !read) return read.error();
  return provider;
}

}  // namespace

IdentityProviders::IdentityProviders(Tenants& tenants, Users& users, const Settings& settings, Clock& clock)
    : tenants_(tenants), users_(users), settings_(settings), clock_(clock), key_(random_bytes(32)) {}

Result<void> IdentityProviders::read_fields(const json::object& fields, IdentityProvider& provider) {
  struct Text {
    std::string_view name;
    std::string* value;
    std::size_t bytes_max;
  };
  std::string secret;
  const Text texts[] = {{"name", &provider.name, 200},           {"issuer", &provider.issuer, 500},           {"client_id", &provider.client_id, 200},
                        {"client_secret", &secret, 1024},        {"ca_pem", &provider.ca_pem, 64 << 10},      {"scopes", &provider.scopes, 500},
                        {"identity", &provider.identity, 20},    {"directory", &provider.directory, 100},     {"object_claim", &provider.object_claim, 100},
                        {"name_claim", &provider.name_claim, 100}};
  for (const auto& field : fields) {
    const std::string_view key = field.key();
    const auto& value = field.value();
    if (value.is_null()) continue;
    const auto known = std::find_if(std::begin(texts), std::end(texts), [&](const Text& one) { return one.name == key; });
    if (known != std::end(texts)) {
      if (!value.is_string() || value.get_string().size() > known->bytes_max) return Error{ErrorCode::invalid, fmt::format("'{}' must be a string of at most {} bytes", key, known->bytes_max)};
      *known->value = value.get_string();
    } else if (key == "enabled") {
      if (!value.is_bool()) return Error{ErrorCode::invalid, "'enabled' must be true or false"};
      provider.enabled = value.get_bool();
    } else if (key == "tenants") {
      if (!value.is_array() || value.get_array().size() > 1000) return Error{ErrorCode::invalid, "'tenants' must be a list of at most 1000 ids"};
      provider.tenants.clear();
      for (const auto& one : value.get_array()) {
        if (!one.is_string()) return Error{ErrorCode::invalid, "'tenants' must be a list of strings"};
        provider.tenants.emplace_back(one.get_string());
      }
    } else {
      return Error{ErrorCode::invalid, fmt::format("the field '{}' is not known here", key.substr(0, 100))};
    }
  }
  if (!secret.empty()) provider.client_secret = Secret(secret);
  if (provider.name.empty()) return Error{ErrorCode::invalid, "'name' is missing"};
  if (provider.client_id.empty()) return Error{ErrorCode::invalid, "'client_id' is missing"};
  const bool loopback = provider.issuer.starts_with("http://127.0.0.1") || provider.issuer.starts_with("http://localhost");
  if (!provider.issuer.starts_with("https://") && !loopback) return Error{ErrorCode::invalid, "'issuer' must begin with https://"};
  if (provider.identity != "subject" && provider.identity != "entra") return Error{ErrorCode::invalid, "'identity' must be subject or entra"};
  if (provider.issuer.find("{tenantid}") != std::string::npos && provider.tenants.empty()) return Error{ErrorCode::invalid, "an issuer for any tenant needs 'tenants': those that are let in"};
  if (provider.object_claim.empty() != provider.directory.empty()) return Error{ErrorCode::invalid, "'object_claim' and 'directory' belong together"};
  if (provider.name_claim == "email") return Error{ErrorCode::invalid, "an e-mail address identifies nobody: it changes, and is given to others. Take upn or preferred_username, or better an object_claim"};
  if ((" " + provider.scopes + " ").find(" openid ") == std::string::npos) return Error{ErrorCode::invalid, "'scopes' must contain openid"};
  if (!provider.ca_pem.empty() && !read_certificate(provider.ca_pem)) return Error{ErrorCode::invalid, "'ca_pem' is not a certificate in PEM form"};
  return {};
}

json::object IdentityProviders::view(const IdentityProvider& provider) {
  return {{"id", provider.id},
          {"name", provider.name},
          {"issuer", provider.issuer},
          {"client_id", provider.client_id},
          {"has_client_secret", !provider.client_secret.empty()},
          {"has_ca", !provider.ca_pem.empty()},
          {"scopes", provider.scopes},
          {"tenants", json::array(provider.tenants.begin(), provider.tenants.end())},
          {"identity", provider.identity},
          {"directory", provider.directory},
          {"object_claim", provider.object_claim},
          {"name_claim", provider.name_claim},
          {"enabled", provider.enabled},
          {"created_at", format_rfc3339(provider.created_at)}};
}

Result<std::vector<IdentityProvider>> IdentityProviders::list(Tenant& tenant) {
  auto listed = tenant.store().records().list(kKind, "", kProvidersMax);
  if (!listed) return listed.error();
  std::vector<IdentityProvider> out;
  for (const auto& record : *listed) {
    auto provider = decode(record);
    if (!provider) return provider.error();
    out.push_back(*std::move(provider));
  }
  return out;
}

Result<std::optional<IdentityProvider>> IdentityProviders::find(Tenant& tenant, const std::string& id) {
  auto record = tenant.store().records().get(kKind, id);
  if (!record) return record.error();
  if (!*record) return std::optional<IdentityProvider>();
  auto provider = decode(**record);
  if (!provider) return provider.error();
  return std::optional(*std::move(provider));
}

Result<IdentityProvider> IdentityProviders::create(Tenant& tenant, IdentityProvider provider) {
  auto present = list(tenant);
  if (!present) return present.error();
  if (present->size() >= kProvidersMax) return Error{ErrorCode::conflict, fmt::format("a tenant has at most {} identity providers", kProvidersMax)};
  provider.id = random_token();
  provider.created_at = clock_.now();
  auto kept = tenant.store().records().put(std::string(kKind), provider.id, encode(provider), 0);
  if (!kept) return kept.error();
  provider.revision = 1;
  return provider;
}

Result<IdentityProvider> IdentityProviders::update(Tenant& tenant, IdentityProvider provider) {
  auto kept = tenant.store().records().put(std::string(kKind), provider.id, encode(provider), provider.revision);
  if (!kept) return kept.error().code == ErrorCode::conflict ? Error{ErrorCode::conflict, "it was changed meanwhile; read it again"} : kept.error();
  ++provider.revision;
  return provider;
}

Result<void> IdentityProviders::remove(Tenant& tenant, const std::string& id) { return tenant.store().records().remove(std::string(kKind), id); }

Result<std::shared_ptr<IdentityProviders::Client>> IdentityProviders::client(Tenant& tenant, const IdentityProvider& provider) {
  const auto key = tenant.facts().slug + "/" + provider.id;
  const std::lock_guard lock(mutex_);
  if (const auto found = clients_.find(key); found != clients_.end() && found->second->revision == provider.revision) return found->second;
  if (settings_.http.public_url.empty()) {
    return Error{ErrorCode::invalid, "the configuration lacks http.public_url: the identity provider would not know where to send people back to"};
  }
  HttpClientOptions options;
  options.allowed_hosts = settings_.connectors.allowed_hosts;
  options.ca_pem = provider.ca_pem;
  auto http = HttpClient::make(std::move(options));
  if (!http) return http.error();
  auto base = settings_.http.public_url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  auto made = std::make_shared<Client>();
  made->revision = provider.revision;
  made->http = *std::move(http);
  made->provider = OpenIdProvider::make({provider.issuer, provider.client_id, provider.client_secret, base + std::string(kCallback), provider.scopes, provider.tenants},
                                        *made->http, clock_);
  if (clients_.size() >= kClientsMax) clients_.clear();
  clients_[key] = made;
  return made;
}

Result<void> IdentityProviders::check(Tenant& tenant, const IdentityProvider& provider) {
  auto made = client(tenant, provider);
  if (!made) return made.error();
  return (*made)->provider->check({});
}

Result<IdentityProviders::Started> IdentityProviders::start(const std::string& slug, const std::string& provider_id, const std::string& login_hint) {
  const Error none{ErrorCode::not_found, "there is no such identity provider"};
  auto tenant = tenants_.open(slug);
  if (!tenant) return tenant.error().code == ErrorCode::not_found || tenant.error().code == ErrorCode::invalid ? none : tenant.error();
  auto provider = find(**tenant, provider_id);
  if (!provider) return provider.error();
  if (!*provider || !(*provider)->enabled) return none;
  auto made = client(**tenant, **provider);
  if (!made) return made.error();
  const auto state = random_token(32), nonce = random_token(32), verifier = random_token(48);
  auto url = (*made)->provider->authorize_url(state, nonce, base64url_encode(sha256(verifier).view()), login_hint, {});
  if (!url) return url.error();
  const auto pending = json::serialize(json::object{{"v", 1}, {"state", sha256(state).hex()}, {"tenant", slug}, {"provider", provider_id}, {"nonce", nonce}, {"verifier", verifier},
                                                    {"until", (clock_.uptime() + kPendingLife).count()}});
  return Started{*url, Secret(base64url_encode(seal(key_, kSealName, pending)))};
}

Result<IdentityProviders::Finished> IdentityProviders::finish(const std::string& state, const Secret& binding, const std::string& code, const std::string& answered_issuer) {
  const Error unknown{ErrorCode::unauthenticated, "this sign-in was not begun in this browser, or too long ago; begin anew"};
  const auto sealed = base64url_decode(binding.reveal());
  const auto opened = sealed ? unseal(key_, kSealName, *sealed) : Result<Bytes>(unknown);
  if (!opened) return unknown;
  json::error_code bad;
  const auto value = json::parse(*opened, bad);
  if (bad || !value.is_object()) return unknown;
  const auto& pending = value.get_object();
  // Another browser than the one that asked: somebody would be signed in as somebody else without knowing.
  if (!equal_in_constant_time(sha256(state).hex(), text(pending, "state"))) return unknown;
  const auto* end = pending.if_contains("until");
  const std::chrono::nanoseconds until{end != nullptr && end->is_int64() ? end->get_int64() : 0}, now = clock_.uptime();
  if (now >= until) return unknown;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(used_, [&](const auto& one) { return now >= one.second; });
    // When there are too many, the oldest is forgotten: its code is good once for its provider, too.
    if (used_.size() >= kUsedMax) used_.erase(std::min_element(used_.begin(), used_.end(), [](const auto& a, const auto& b) { return a.second < b.second; }));
    if (!used_.emplace(sha256(state).hex(), until).second) return unknown;  // Good once, whatever comes of it.
  }
  auto tenant = tenants_.open(text(pending, "tenant"));
  if (!tenant) return tenant.error();
  auto provider = find(**tenant, text(pending, "provider"));
  if (!provider) return provider.error();
  if (!*provider || !(*provider)->enabled) return unknown;
  auto made = client(**tenant, **provider);
  if (!made) return made.error();
  auto claims = (*made)->provider->redeem(code, Secret(text(pending, "verifier")), text(pending, "nonce"), answered_issuer, {});
  if (!claims) return claims.error();
  auto user = user_of(**tenant, **provider, *claims);
  if (!user) return user.error();
  return Finished{*std::move(tenant), *std::move(user), (*provider)->name};
}

Result<User> IdentityProviders::user_of(Tenant& tenant, const IdentityProvider& provider, const json::object& claims) {
  const auto tid = text(claims, "tid"), oid = text(claims, "oid");
  if (provider.identity == "entra" && (tid.empty() || oid.empty())) return Error{ErrorCode::unauthenticated, "the provider tells neither tid nor oid; is it Entra ID?"};
  const auto identity = provider.id + "\n" + sha256(provider.identity == "entra" ? "entra\n" + fold(tid) + "\n" + fold(oid) : text(claims, "iss") + "\n" + text(claims, "sub")).hex();
  auto& records = tenant.store().records();
  auto record = records.get(kIdentityKind, identity);
  if (!record) return record.error();
  std::string id;
  if (*record) {
    json::error_code bad;
    const auto value = json::parse((*record)->json, bad);
    if (bad || !value.is_string()) return Error{ErrorCode::corrupt, "the record of an identity cannot be read"};
    id = value.get_string();
  } else {
    auto bound = bind(tenant, provider, claims, identity);
    if (!bound) return bound.error();
    id = *std::move(bound);
  }
  auto user = users_.by_id(records, id);
  if (!user) return user.error();
  if (!*user || (*user)->disabled) return not_known();
  return **std::move(user);
}

// The first time: who is it? Nobody is made, and nobody is bound twice.
Result<std::string> IdentityProviders::bind(Tenant& tenant, const IdentityProvider& provider, const json::object& claims, const std::string& identity) {
  auto& records = tenant.store().records();
  std::string id;
  if (auto object = provider.object_claim.empty() ? "" : text(claims, provider.object_claim); !object.empty()) {
    if (object.size() == 24) {  // An objectGUID as AD FS sends it.
      const auto bytes = base64_decode(object);
      if (bytes && bytes->size() == 16) object = guid_text(*bytes);
    }
    auto person = object.size() > 200 ? Result<std::optional<std::string>>(std::nullopt) : person_of_object(records, provider.directory, fold(object));
    if (!person) return person.error();
    // Who tells his object is that object or nobody: a re-created twin has the name of somebody else.
    if (!*person) return not_known();
    id = **person;
  }
  // A guest's name is that of another organisation's account.
  const auto name = provider.name_claim.empty() || claims.contains("idp") ? "" : text(claims, provider.name_claim);
  if (id.empty() && !name.empty() && fold(name).find("#ext#") == std::string::npos) {
    auto user = users_.by_name(records, name);
    if (!user) return user.error();
    if (*user) {
      auto person = find_person(records, (*user)->id);
      if (!person) return person.error();
      const bool plain = std::all_of((*user)->roles.begin(), (*user)->roles.end(), [](Role role) { return role == Role::user; });
      if (*person && !(*person)->links.empty() && (*person)->state == PersonState::active && plain) id = (*user)->id;
    }
  }
  if (id.empty()) return not_known();
  const auto bound = json::serialize(json::value(id));
  auto kept = records.write({{std::string(kIdentityKind), identity, bound, 0}, {std::string(kBoundKind), provider.id + "\n" + id, json::serialize(json::value(identity)), 0}});
  if (!kept && kept.error().code == ErrorCode::conflict) {
    return Error{ErrorCode::unauthenticated, "somebody else of this identity provider is bound to this user already; an administrator can end that"};
  }
  if (!kept) return kept.error();
  return id;
}

Result<std::size_t> IdentityProviders::unbind(Tenant& tenant, const std::string& user) {
  auto all = list(tenant);
  if (!all) return all.error();
  auto& records = tenant.store().records();
  std::vector<RecordWrite> writes;
  for (const auto& provider : *all) {
    auto bound = records.get(kBoundKind, provider.id + "\n" + user);
    if (!bound) return bound.error();
    if (!*bound) continue;
    json::error_code bad;
    const auto identity = json::parse((*bound)->json, bad);
    if (bad || !identity.is_string()) return Error{ErrorCode::corrupt, "the record of a user's identity cannot be read"};
    writes.push_back({std::string(kIdentityKind), std::string(identity.get_string()), std::nullopt, std::nullopt});
    writes.push_back({std::string(kBoundKind), provider.id + "\n" + user, std::nullopt, std::nullopt});
  }
  const auto count = writes.size() / 2;
  if (count == 0) return count;
  if (auto done = records.write(std::move(writes)); !done) return done.error();
  return count;
}

}  // namespace kopial
