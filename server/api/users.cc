// Users of a tenant.
#include "server/api/api.h"
#include "server/api/json.h"
#include "server/api/user_view.h"
#include "server/people/audit.h"
#include "server/people/users.h"
#include "server/services.h"

namespace kopial {
namespace json = boost::json;

json::object user_view(const User& user) {
  json::array roles, addresses;
  for (const auto role : user.roles) roles.push_back(json::value(to_string(role)));
  for (const auto& one : user.addresses) {
    addresses.push_back({{"address", one.address}, {"valid_from", time_or_null(one.valid_from)}, {"valid_until", time_or_null(one.valid_until)}});
  }
  return {{"id", user.id},
          {"username", user.username},
          {"display_name", user.display_name},
          {"roles", std::move(roles)},
          {"addresses", std::move(addresses)},
          {"disabled", user.disabled},
          {"created_at", format_rfc3339(user.created_at)}};
}

namespace {

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

Result<std::set<Role>> roles_of(const json::object& body) {
  auto names = optional_strings(body, "roles", 10);
  if (!names) return names.error();
  std::set<Role> roles;
  for (const auto& name : *names) {
    const auto role = role_called(name);
    if (!role || *role == Role::system_administrator) {
      return Error{ErrorCode::invalid, "'" + name.substr(0, 50) + "' is not a role; administrator, compliance_officer, auditor and user are"};
    }
    roles.insert(*role);
  }
  return roles;
}

Result<std::optional<Time>> time_of(const json::object& object, std::string_view field) {
  auto text = optional_string(object, field);
  if (!text) return text.error();
  if (text->empty()) return std::optional<Time>();
  const auto time = parse_rfc3339(*text);
  if (!time) return Error{ErrorCode::invalid, "'" + std::string(field) + "' is not a time; write 2026-11-24T00:00:00Z"};
  return time;
}

Result<std::vector<UserAddress>> addresses_of(const json::object& body) {
  std::vector<UserAddress> out;
  const auto* list = body.if_contains("addresses");
  if (list == nullptr || list->is_null()) return out;
  if (!list->is_array() || list->get_array().size() > 1000) return Error{ErrorCode::invalid, "'addresses' must be a list of at most 1000 addresses"};
  for (const auto& value : list->get_array()) {
    if (!value.is_object()) return Error{ErrorCode::invalid, "an entry of 'addresses' must be an object {address, valid_from, valid_until}"};
    const auto& one = value.get_object();
    for (const auto& field : one) {
      if (field.key() != "address" && field.key() != "valid_from" && field.key() != "valid_until") {
        return Error{ErrorCode::invalid, "the field '" + std::string(field.key()).substr(0, 50) + "' is not known in 'addresses'"};
      }
    }
    auto address = required_string(one, "address");
    if (!address) return address.error();
    auto from = time_of(one, "valid_from"), until = time_of(one, "valid_until");
    if (!from) return from.error();
    if (!until) return until.error();
    out.push_back({*address, *from, *until});
  }
  return out;
}

Result<void> note(const ApiCall& call, std::string action, std::string object) {
  return append_audit(call.tenant(), {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object), "",
                                      call.request.remote_address, call.request.request_id});
}

http::Response with_etag(int status, const json::object& body, std::uint64_t revision) {
  auto response = json_answer(status, body);
  response.headers.emplace_back("etag", '"' + std::to_string(revision) + '"');
  return response;
}

http::Response made(int status, const Users::Made& made) {
  auto out = user_view(made.user);
  out["one_time_code"] = made.one_time_code.reveal();
  out["one_time_code_expires_at"] = time_or_null(made.user.one_time_until);
  return with_etag(status, out, made.user.revision);
}

http::Response list(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto users = call.services.users.list(call.tenant().store().records(), page->after, page->limit);
  if (!users) return fail(call, users.error());
  json::array items;
  for (const auto& user : *users) items.push_back(user_view(user));
  return collection(std::move(items), users->size() == page->limit ? users->back().id : "");
}

http::Response create(const ApiCall& call) {
  auto body = read_object(call.request.body, {"username", "display_name", "roles", "addresses"});
  if (!body) return fail(call, body.error());
  auto username = required_string(*body, "username", 200);
  auto display_name = optional_string(*body, "display_name");
  auto roles = roles_of(*body);
  auto addresses = addresses_of(*body);
  if (!username) return fail(call, username.error());
  if (!display_name) return fail(call, display_name.error());
  if (!roles) return fail(call, roles.error());
  if (!addresses) return fail(call, addresses.error());
  if (auto may = check_giving_roles(call.caller, {}, *roles); !may) return fail(call, may.error());
  User user;
  user.username = *username;
  user.display_name = *display_name;
  user.roles = *roles;
  user.addresses = *addresses;
  auto done = call.services.users.create(call.tenant().store().records(), std::move(user));
  if (!done) return fail(call, done.error());
  if (auto kept = note(call, "user.create", done->user.username); !kept) return fail(call, kept.error());
  return made(201, *done);
}

Result<User> find(const ApiCall& call) {
  auto user = call.services.users.by_id(call.tenant().store().records(), call.captures.front());
  if (!user) return user.error();
  if (!*user) return Error{ErrorCode::not_found, "there is no such user"};
  return **std::move(user);
}

http::Response show(const ApiCall& call) {
  auto user = find(call);
  return user ? with_etag(200, user_view(*user), user->revision) : fail(call, user.error());
}

http::Response change(const ApiCall& call) {
  auto user = find(call);
  if (!user) return fail(call, user.error());
  auto body = read_object(call.request.body, {"display_name", "roles", "addresses", "disabled", "renew_one_time_code"});
  if (!body) return fail(call, body.error());
  auto display_name = optional_string(*body, "display_name", user->display_name);
  auto roles = body->contains("roles") ? roles_of(*body) : Result<std::set<Role>>(user->roles);
  auto addresses = body->contains("addresses") ? addresses_of(*body) : Result<std::vector<UserAddress>>(user->addresses);
  auto disabled = optional_bool(*body, "disabled", user->disabled);
  auto renew = optional_bool(*body, "renew_one_time_code", false);
  auto revision = if_match(call.request);
  if (!display_name) return fail(call, display_name.error());
  if (!roles) return fail(call, roles.error());
  if (!addresses) return fail(call, addresses.error());
  if (!disabled) return fail(call, disabled.error());
  if (!renew) return fail(call, renew.error());
  if (!revision) return fail(call, revision.error());
  if (user->id == call.caller.user_id && (*disabled || !roles->contains(Role::administrator))) {
    return fail(call, {ErrorCode::conflict, "you cannot take your own administration away; another administrator can"});
  }
  if (auto may = *renew ? check_step_up(call.caller) : check_giving_roles(call.caller, user->roles, *roles); !may) return fail(call, may.error());
  user->display_name = *display_name;
  user->roles = *roles;
  user->addresses = *addresses;
  user->disabled = *disabled;
  if (*revision) user->revision = **revision;
  if (auto kept = note(call, *renew ? "user.renew_code" : "user.change", user->username); !kept) return fail(call, kept.error());
  auto& records = call.tenant().store().records();
  if (*renew) {
    auto done = call.services.users.renew_code(records, *user);
    return done ? made(200, *done) : fail(call, done.error());
  }
  auto done = call.services.users.update(records, *user);
  return done ? with_etag(200, user_view(*done), done->revision) : fail(call, done.error());
}

}  // namespace

void add_user_routes(Api& api) {
  api.add({"GET", "/api/v1/tenants/{t}/users", Need::administrator, list});
  api.add({"POST", "/api/v1/tenants/{t}/users", Need::administrator, create});
  api.add({"GET", "/api/v1/tenants/{t}/users/{u}", Need::administrator, show});
  api.add({"PATCH", "/api/v1/tenants/{t}/users/{u}", Need::administrator, change});
}

}  // namespace kopial
