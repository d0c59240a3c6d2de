// The settings of a directory: read strictly, shown without secrets, kept as a record.
#include <fmt/format.h>

#include <algorithm>

#include "server/people/directories.h"
#include "storage/crypto/certificate.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kFields[] = {"name", "kind", "credential", "preset", "urls", "start_tls", "ca_pem", "bind_name", "bind_password", "bases", "attributes",
                                        "passwords", "csv", "priority", "enabled_only", "licensed_only", "guests", "kinds", "groups", "group_depth_max",
                                        "match_addresses", "match_names", "losses_share_max", "decisions", "every_minutes"};
constexpr std::string_view kAttributes[] = {"user_filter", "group_filter", "id", "login", "upn", "display_name", "addresses", "members", "disabled"};

Error wrong(std::string_view field, std::string_view expected) { return {ErrorCode::invalid, fmt::format("'{}' must be {}", field, expected)}; }

class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}
  void text(std::string_view name, std::string& out, std::size_t bytes_max) {
    const auto* value = find(name);
    if (value == nullptr) return;
    if (!value->is_string() || value->get_string().size() > bytes_max) return fail(wrong(name, fmt::format("a string of at most {} bytes", bytes_max)));
    out = value->get_string();
  }
  void secret(std::string_view name, Secret& out) {
    std::string text_value;
    if (find(name) == nullptr) return;
    text(name, text_value, 1024);
    out = Secret(std::move(text_value));
  }
  void flag(std::string_view name, bool& out) {
    const auto* value = find(name);
    if (value == nullptr) return;
    if (!value->is_bool()) return fail(wrong(name, "true or false"));
    out = value->get_bool();
  }
  template <typename Number>
  void number(std::string_view name, Number& out, std::int64_t least, std::int64_t most) {
    const auto* value = find(name);
    if (value == nullptr) return;
    if (!value->is_int64() || value->get_int64() < least || value->get_int64() > most) return fail(wrong(name, fmt::format("a number from {} to {}", least, most)));
    out = static_cast<Number>(value->get_int64());
  }
  void share(std::string_view name, double& out) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const bool is_number = value->is_number();
    const auto given = is_number ? value->to_number<double>() : -1.0;
    if (given < 0 || given > 1) return fail(wrong(name, "a share from 0 to 1"));
    out = given;
  }
  void texts(std::string_view name, std::vector<std::string>& out, std::size_t count_max) {
    const auto* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array() || value->get_array().size() > count_max) return fail(wrong(name, fmt::format("a list of at most {} strings", count_max)));
    std::vector<std::string> read;
    for (const auto& one : value->get_array()) {
      if (!one.is_string() || one.get_string().empty() || one.get_string().size() > 1024) return fail(wrong(name, "a list of strings of 1 to 1024 bytes"));
      read.emplace_back(one.get_string());
    }
    out = std::move(read);
  }
  const json::object* object(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) fail(wrong(name, "an object"));
    return value->if_object();
  }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  Result<void> result() const { return error_ ? Result<void>(*error_) : Result<void>(); }

 private:
  const json::value* find(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  const json::object& object_;
  std::optional<Error> error_;
};

json::array to_array(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }
json::object to_object(const std::map<std::string, std::string>& pairs) {
  json::object out;
  for (const auto& [name, value] : pairs) out[name] = value;
  return out;
}

Result<void> check_complete(const DirectoryConfig& config) {
  if (config.name.empty()) return Error{ErrorCode::invalid, "'name' is missing"};
  if (config.kind == "entra") return config.credential.empty() ? Result<void>(Error{ErrorCode::invalid, "'credential' is missing: the id of an entra_app"}) : Result<void>();
  if (config.kind == "csv") {
    auto read = read_csv_directory(config.csv);
    return read ? Result<void>() : Result<void>(read.error().with_context("csv"));
  }
  if (config.kind != "active_directory" && config.kind != "ldap") return Error{ErrorCode::invalid, "'kind' must be entra, active_directory, ldap or csv"};
  if (config.server.urls.empty()) return Error{ErrorCode::invalid, "'urls' is missing; write [\"ldaps://dc1.example.org\"]"};
  if (config.kind == "ldap" && !ldap_schema(config.preset)) return ldap_schema(config.preset).error();
  if (!config.server.ca_pem.empty() && !read_certificate(config.server.ca_pem)) return Error{ErrorCode::invalid, "'ca_pem' is not a certificate in PEM form"};
  if (!config.server.bind_name.empty() && config.server.bind_password.empty()) return Error{ErrorCode::invalid, "'bind_password' is missing: servers take an empty one for nobody's"};
  return {};
}

}  // namespace

Result<void> Directories::read_fields(const json::object& fields, DirectoryConfig& config) {
  for (const auto& field : fields) {
    if (std::find(std::begin(kFields), std::end(kFields), std::string_view(field.key())) == std::end(kFields)) {
      return Error{ErrorCode::invalid, fmt::format("the field '{}' is not known here; {} are", std::string_view(field.key()).substr(0, 100), fmt::join(kFields, ", "))};
    }
  }
  Fields in(fields);
  auto& policy = config.policy;
  in.text("name", config.name, 200);
  in.text("kind", config.kind, 50);
  in.text("credential", config.credential, 100);
  in.text("preset", config.preset, 50);
  in.texts("urls", config.server.urls, 20);
  in.flag("start_tls", config.server.start_tls);
  in.text("ca_pem", config.server.ca_pem, 64 << 10);
  in.text("bind_name", config.server.bind_name, 1024);
  in.secret("bind_password", config.server.bind_password);
  in.texts("bases", config.bases, 50);
  in.flag("passwords", config.passwords);
  in.text("csv", config.csv, 8 << 20);
  in.number("priority", policy.priority, 0, 1000);
  in.flag("enabled_only", policy.enabled_only);
  in.flag("licensed_only", policy.licensed_only);
  in.flag("guests", policy.guests);
  in.texts("groups", policy.groups, 100);
  in.number("group_depth_max", policy.group_depth_max, 0, 50);
  in.flag("match_addresses", policy.match_addresses);
  in.flag("match_names", policy.match_names);
  in.share("losses_share_max", policy.losses_share_max);
  auto every = config.every.count();
  in.number("every_minutes", every, 0, 60 * 24 * 7);
  config.every = std::chrono::minutes(every);
  std::vector<std::string> kinds;
  for (const auto kind : policy.kinds) kinds.emplace_back(to_string(kind));
  in.texts("kinds", kinds, 10);
  policy.kinds.clear();
  for (const auto& name : kinds) {
    const auto kind = mailbox_kind_called(name);
    if (kind == MailboxKind::unknown) return wrong("kinds", "a list of person, shared, room and equipment");
    policy.kinds.insert(kind);
  }
  if (const auto* attributes = in.object("attributes")) {
    for (const auto& one : *attributes) {
      if (std::find(std::begin(kAttributes), std::end(kAttributes), std::string_view(one.key())) == std::end(kAttributes)) {
        return Error{ErrorCode::invalid, fmt::format("'attributes' has no '{}'; {} are known", std::string_view(one.key()).substr(0, 50), fmt::join(kAttributes, ", "))};
      }
      const bool is_list = one.key() == "addresses" || one.key() == "members";
      if (is_list ? !one.value().is_array() : !one.value().is_string()) return wrong("attributes." + std::string(one.key()), is_list ? "a list of strings" : "a string");
      if (is_list && !std::all_of(one.value().get_array().begin(), one.value().get_array().end(), [](const auto& name) { return name.is_string(); })) {
        return wrong("attributes." + std::string(one.key()), "a list of strings");
      }
    }
    config.attributes = *attributes;
  }
  if (const auto* decisions = in.object("decisions")) {
    policy.decisions.clear();
    for (const auto& one : *decisions) {
      if (!one.value().is_string()) return wrong("decisions", "an object of addresses and ids");
      policy.decisions[fold(std::string_view(one.key()))] = std::string(one.value().get_string());
    }
  }
  if (auto fine = in.result(); !fine) return fine;
  return check_complete(config);
}

json::object Directories::view(const DirectoryConfig& config) {
  json::array kinds;
  for (const auto kind : config.policy.kinds) kinds.push_back(json::value(to_string(kind)));
  const auto time = [](const std::optional<Time>& at) { return at ? json::value(format_rfc3339(*at)) : json::value(nullptr); };
  const auto& policy = config.policy;
  return {{"id", config.id},
          {"name", config.name},
          {"kind", config.kind},
          {"credential", config.credential.empty() ? json::value(nullptr) : json::value(config.credential)},
          {"preset", config.preset},
          {"urls", to_array(config.server.urls)},
          {"start_tls", config.server.start_tls},
          {"has_ca", !config.server.ca_pem.empty()},
          {"bind_name", config.server.bind_name},
          {"has_bind_password", !config.server.bind_password.empty()},
          {"bases", to_array(config.bases)},
          {"attributes", config.attributes},
          {"passwords", config.passwords},
          {"priority", policy.priority},
          {"enabled_only", policy.enabled_only},
          {"licensed_only", policy.licensed_only},
          {"guests", policy.guests},
          {"kinds", std::move(kinds)},
          {"groups", to_array(policy.groups)},
          {"group_depth_max", policy.group_depth_max},
          {"match_addresses", policy.match_addresses},
          {"match_names", policy.match_names},
          {"losses_share_max", policy.losses_share_max},
          {"decisions", to_object(policy.decisions)},
          {"every_minutes", config.every.count()},
          {"created_at", format_rfc3339(config.created_at)},
          {"synced_at", time(config.synced_at)},
          {"complete_at", time(config.complete_at)},
          {"last_error", config.last_error.empty() ? json::value(nullptr) : json::value(config.last_error)}};
}

}  // namespace kopial
