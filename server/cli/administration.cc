// Tenants, users, archives, credentials, and the audit.
#include <fmt/format.h>

#include <memory>

#include "server/cli/command.h"
#include "storage/base/files.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

using Strings = std::vector<std::string>;

json::array to_array(const Strings& texts) {
  json::array out;
  for (const auto& one : texts) out.push_back(json::string(one));
  return out;
}

std::string joined(const json::array& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ", ") + (value.is_string() ? std::string(value.get_string()) : field(value, "address"));
  return out;
}

// A command that lists a collection as a table; `cells` gives one row.
void add_list(CLI::App& group, Context& context, const std::string& text, std::string rest, Strings heading,
              std::function<Strings(const json::value&)> cells, std::vector<std::size_t> right = {}) {
  auto* made = command(group, context, "list", text, [&context, rest, heading, cells, right]() -> Result<int> {
    std::string path = "/api/v1/tenants";
    if (!rest.empty()) {
      auto tenant = context.tenant();
      if (!tenant) return tenant.error();
      path = of_tenant(*tenant, rest);
    }
    auto client = context.client();
    if (!client) return client.error();
    auto items = client->get_all(path);
    if (!items) return items.error();
    return print(context, json::value(*items), [&](const json::value&) {
      Table table(heading);
      for (const auto column : right) table.align_right(column);
      for (const auto& item : *items) table.add(cells(item));
      table.print();
    });
  });
  if (!rest.empty()) add_tenant_option(*made, context);
}

// Posts `body()` below the tenant, and shows the answer.
Result<int> create(Context& context, std::string_view rest, const json::value& body, const std::function<void(const json::value&)>& show) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  return print(context, client->post(of_tenant(*tenant, rest), body), show);
}

void show_code(const json::value& user, const std::string& tenant) {
  fmt::print("One-time code of {}: {}\n", field(user, "username"), field(user, "one_time_code"));
  fmt::print("It becomes a password, once, until {} UTC: kopial login --tenant {} --username {} --code CODE\n",
             time_text(field(user, "one_time_code_expires_at")), tenant, field(user, "username"));
}

void add_tenants(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("tenant", "Organisations (for system administrators)")->require_subcommand(1);
  add_list(*group, context, "List tenants", "", {"SLUG", "LANGUAGES", "MADE", "NAME"}, [](const json::value& one) {
    return Strings{field(one, "slug"), joined(list(one, "languages")), time_text(field(one, "created_at")), field(one, "name")};
  });
  struct Options {
    std::string slug, name;
    Strings languages;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Make a tenant and its first administrator", [&context, options]() -> Result<int> {
    auto client = context.client();
    if (!client) return client.error();
    const json::object body{{"slug", options->slug}, {"name", options->name.empty() ? options->slug : options->name}, {"languages", to_array(options->languages)}};
    return print(context, client->post("/api/v1/tenants", body), [&](const json::value& answer) {
      fmt::print("Tenant {} is made.\n", options->slug);
      show_code(answer.at("administrator"), options->slug);
    });
  });
  made->add_option("slug", options->slug, "Lower-case letters, digits, hyphens")->required();
  made->add_option("--name", options->name, "The name people read");
  made->add_option("--language", options->languages, "Whose word forms searches fold, such as de");
}

void add_users(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("user", "People of a tenant")->require_subcommand(1);
  add_list(*group, context, "List users", "users", {"ID", "USERNAME", "ROLES", "DISABLED", "ADDRESSES"}, [](const json::value& one) {
    return Strings{field(one, "id"), field(one, "username"), joined(list(one, "roles")), field(one, "disabled") == "true" ? "yes" : "", joined(list(one, "addresses"))};
  });
  struct Options {
    std::string username, display_name;
    Strings roles, addresses;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Make a user", [&context, options] {
    const json::object body{{"username", options->username}, {"display_name", options->display_name},
                            {"roles", to_array(options->roles.empty() ? Strings{"user"} : options->roles)}, {"addresses", to_array(options->addresses)}};
    return create(context, "users", body, [&](const json::value& answer) { show_code(answer, context.access.tenant); });
  });
  add_tenant_option(*made, context);
  made->add_option("username", options->username)->required();
  made->add_option("--display-name", options->display_name);
  made->add_option("--role", options->roles, "administrator, compliance_officer, auditor or user; may be given again");
  made->add_option("--address", options->addresses, "A mail address of his; may be given again");
}

void add_archives(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("archive", "Where mail is kept")->require_subcommand(1);
  add_list(*group, context, "List archives", "archives", {"ID", "KIND", "MESSAGES", "SIZE", "LAST ARCHIVED", "NAME"}, [](const json::value& one) {
    return Strings{field(one, "id"), field(one, "kind"), field(one, "messages"), bytes_text(static_cast<std::uint64_t>(number(one, "bytes"))),
                   time_text(field(one, "last_archived_at")), field(one, "display_name")};
  }, {2, 3});
  struct Options {
    std::string name, kind = "import", owner;
    Strings addresses;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Make an archive", [&context, options] {
    const json::object body{{"kind", options->kind}, {"display_name", options->name}, {"owner_user", options->owner}, {"addresses", to_array(options->addresses)}};
    return create(context, "archives", body, [](const json::value& answer) { fmt::print("Archive {} is made.\n", field(answer, "id")); });
  });
  add_tenant_option(*made, context);
  made->add_option("name", options->name)->required();
  made->add_option("--kind", options->kind)->check(CLI::IsMember({"person", "shared", "journal", "import"}))->capture_default_str();
  made->add_option("--owner", options->owner, "The id of the user who reads it as his own");
  made->add_option("--address", options->addresses, "May be given again");
}

void add_credentials(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("credential", "How connectors sign in; secrets go in and never come out")->require_subcommand(1);
  add_list(*group, context, "List credentials", "credentials", {"ID", "KIND", "DIRECTORY", "CLIENT", "NAME"}, [](const json::value& one) {
    return Strings{field(one, "id"), field(one, "kind"), field(one, "directory_id"), field(one, "client_id"), field(one, "name")};
  });
  struct Options {
    std::string name, directory, client, cloud, authority, graph_url, server_ca, certificate, private_key;
    bool secret_stdin = false, make_certificate = false;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Keep how an Entra application signs in: a secret or a certificate", [&context, options]() -> Result<int> {
    json::object body{{"kind", "entra_app"}, {"name", options->name}, {"directory_id", options->directory}, {"client_id", options->client}};
    if (options->make_certificate) {
      body["make_certificate"] = true;
    } else if (!options->certificate.empty()) {
      auto pem = read_file(options->certificate, 64 << 10), key = read_file(options->private_key, 64 << 10);
      if (!pem) return pem.error();
      if (!key) return key.error();
      body["certificate_pem"] = *pem;
      body["private_key_pem"] = *key;
    } else {
      auto secret = ask_secret("Client secret", options->secret_stdin);
      if (!secret) return secret.error();
      body["client_secret"] = secret->reveal();
    }
    if (!options->cloud.empty()) body["cloud"] = options->cloud;
    if (!options->authority.empty()) body["authority"] = options->authority;
    if (!options->graph_url.empty()) body["graph_url"] = options->graph_url;
    if (!options->server_ca.empty()) {
      auto pem = read_file(options->server_ca, 64 << 10);
      if (!pem) return pem.error();
      body["ca_pem"] = *pem;
    }
    return create(context, "credentials", body, [&](const json::value& answer) {
      fmt::print("Credential {} is kept.\n", field(answer, "id"));
      if (!options->make_certificate) return;
      const auto& certificate = answer.at("certificate");
      fmt::print("{}Upload this certificate (thumbprint {}) in Entra: App registrations, Certificates & secrets. Then: kopial credential check {}\n",
                 field(certificate, "certificate_pem"), field(certificate, "thumbprint"), field(answer, "id"));
    });
  });
  add_tenant_option(*made, context);
  made->add_option("--name", options->name);
  made->add_option("--directory-id", options->directory, "The directory (tenant) id of Entra")->required();
  made->add_option("--client-id", options->client, "The application's id")->required();
  made->add_flag("--secret-stdin", options->secret_stdin, "Read the secret from standard input");
  auto* own = made->add_option("--certificate-file", options->certificate, "A certificate that the application knows, in PEM form, instead of a secret");
  made->add_option("--private-key-file", options->private_key, "Its key")->needs(own);
  made->add_flag("--make-certificate", options->make_certificate, "Make a key here and show the certificate to upload, instead of a secret")->excludes(own);
  made->add_option("--cloud", options->cloud, "Microsoft's cloud")->check(CLI::IsMember({"global", "us_government", "us_government_dod", "china"}));
  made->add_option("--authority", options->authority, "Instead of Microsoft's own");
  made->add_option("--graph-url", options->graph_url, "Instead of Microsoft's own");
  made->add_option("--server-ca-file", options->server_ca, "To trust for these addresses");
}

void add_audit(CLI::App& app, Context& context) {
  struct Options {
    std::size_t count = 50;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(app, context, "audit", "Who did what", [&context, options]() -> Result<int> {
    auto tenant = context.tenant();
    if (!tenant) return tenant.error();
    auto client = context.client();
    if (!client) return client.error();
    return print(context, client->get(of_tenant(*tenant, "audit"), {{"limit", std::to_string(options->count)}}), [](const json::value& answer) {
      Table table({"WHEN", "WHO", "WHAT", "ON"});
      for (const auto& one : list(answer, "items")) table.add({time_text(field(one, "at")), field(one, "username"), field(one, "action"), field(one, "object")});
      table.print();
    });
  });
  add_tenant_option(*made, context);
  made->add_option("--limit", options->count)->check(CLI::Range(1, 1000))->capture_default_str();
}

}  // namespace

void add_administration(CLI::App& app, Context& context) {
  add_tenants(app, context);
  add_users(app, context);
  add_archives(app, context);
  add_credentials(app, context);
  add_audit(app, context);
}

}  // namespace kopial::cli
