// Directories, their previews and synchronisations, and grants.
#include <fmt/format.h>

#include <memory>

#include "server/cli/command.h"
#include "storage/base/files.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

using Strings = std::vector<std::string>;

json::array to_array(const Strings& texts) { return json::array(texts.begin(), texts.end()); }

// Runs `ask` with a client and the tenant; `show` prints its answer.
Result<int> with_tenant(Context& context, const std::function<Result<json::value>(const Client&, const std::string&)>& ask, const std::function<void(const json::value&)>& show) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  return print(context, ask(*client, *tenant), show);
}

void add_listing(CLI::App& group, Context& context, const std::string& text, const std::string& rest, Strings heading, std::function<Strings(const json::value&)> cells) {
  auto* made = command(group, context, "list", text, [&context, rest, heading, cells]() -> Result<int> {
    return with_tenant(context, [&](const Client& client, const std::string& tenant) -> Result<json::value> {
      auto items = client.get_all(of_tenant(tenant, rest));
      if (!items) return items.error();
      return json::value(*std::move(items));
    }, [&](const json::value& items) {
      Table table(heading);
      for (const auto& item : items.as_array()) table.add(cells(item));
      table.print();
    });
  });
  add_tenant_option(*made, context);
}

void show_steps(const json::value& answer) {
  Table table({"STEP", "BEFORE", "AFTER", "WHY"});
  for (const auto& step : list(answer, "items")) {
    const auto kind = field(step, "kind");
    if (kind == "observe" || kind == "display_name") continue;  // What follows from them is listed by itself.
    table.add({kind, field(step, "before"), field(step, "after"), field(step, "reason")});
  }
  table.print();
  if (!field(answer, "next").empty()) fmt::print("… and more: --json, or GET …/preview?after={}\n", field(answer, "next"));
  fmt::print("{} objects seen, {} unchanged, {} steps; {} would lose their sign-in, {} may\n", number(answer, "seen"), number(answer, "unchanged"), number(answer, "steps"),
             number(answer, "losses"), number(answer, "losses_allowed"));
  for (const auto& [reason, count] : answer.at("ignored").as_object()) fmt::print("ignored, {}: {}\n", std::string_view(reason), count.to_number<std::int64_t>());
}

void add_directories(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("directory", "Where people come from: Entra ID, Active Directory, LDAP, CSV")->require_subcommand(1);
  add_listing(*group, context, "List directories", "directories", {"ID", "KIND", "SYNCHRONISED", "NAME", "PROBLEM"}, [](const json::value& one) {
    return Strings{field(one, "id"), field(one, "kind"), time_text(field(one, "synced_at")), field(one, "name"), field(one, "last_error")};
  });
  struct Options {
    std::string name, kind, preset, credential, ca_file, bind_name, csv_file, id, preview;
    Strings urls, bases, groups;
    int priority = 10, every = 0;
    bool password_stdin = false, passwords = false, enabled_only = false, licensed_only = false, confirm = false, complete = false;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Add a directory", [&context, options]() -> Result<int> {
    json::object body{{"name", options->name}, {"kind", options->kind}, {"priority", options->priority}, {"enabled_only", options->enabled_only},
                      {"licensed_only", options->licensed_only}, {"groups", to_array(options->groups)}, {"every_minutes", options->every}, {"passwords", options->passwords}};
    if (!options->credential.empty()) body["credential"] = options->credential;
    if (!options->preset.empty()) body["preset"] = options->preset;
    if (!options->urls.empty()) body["urls"] = to_array(options->urls);
    if (!options->bases.empty()) body["bases"] = to_array(options->bases);
    if (!options->bind_name.empty()) {
      auto secret = ask_secret("Password of " + options->bind_name, options->password_stdin);
      if (!secret) return secret.error();
      body["bind_name"] = options->bind_name;
      body["bind_password"] = secret->reveal();
    }
    const std::pair<const std::string*, const char*> files[] = {{&options->ca_file, "ca_pem"}, {&options->csv_file, "csv"}};
    for (const auto& [file, name] : files) {
      if (file->empty()) continue;
      auto content = read_file(*file, 8 << 20);
      if (!content) return content.error();
      body[name] = *content;
    }
    return with_tenant(context, [&](const Client& client, const std::string& tenant) { return client.post(of_tenant(tenant, "directories"), body); },
                       [](const json::value& answer) { fmt::print("Directory {} is made; look at it first: kopial directory preview {}\n", field(answer, "id"), field(answer, "id")); });
  });
  add_tenant_option(*made, context);
  made->add_option("name", options->name)->required();
  made->add_option("--kind", options->kind)->required()->check(CLI::IsMember({"entra", "active_directory", "ldap", "csv"}));
  made->add_option("--preset", options->preset, "Of kind ldap: openldap, freeipa, 389ds, edirectory or domino");
  made->add_option("--credential", options->credential, "Of kind entra: the id of an entra_app");
  made->add_option("--server-url", options->urls, "ldaps://host or ldap://host; may be given again, for a server that stands in");
  made->add_option("--base", options->bases, "Where people are; may be given again");
  made->add_option("--bind-name", options->bind_name, "The service account");
  made->add_flag("--password-stdin", options->password_stdin, "Read its password from standard input");
  made->add_option("--server-ca-file", options->ca_file, "To trust for this directory");
  made->add_option("--csv-file", options->csv_file);
  made->add_option("--group", options->groups, "Only members of this group, nested ones included; may be given again");
  made->add_flag("--enabled-only", options->enabled_only);
  made->add_flag("--licensed-only", options->licensed_only);
  made->add_option("--priority", options->priority, "The lowest of several decides names")->capture_default_str();
  made->add_option("--every", options->every, "Minutes between synchronisations; 0: by hand")->capture_default_str();
  made->add_flag("--passwords", options->passwords, "People sign in with the passwords of this directory");

  const auto of_one = [&context, group](const std::string& name, const std::string& text, const std::shared_ptr<Options>& given,
                                        std::function<Result<json::value>(const Client&, const std::string&)> ask, std::function<void(const json::value&)> show) {
    auto* one = command(*group, context, name, text, [&context, ask, show]() -> Result<int> { return with_tenant(context, ask, show); });
    add_tenant_option(*one, context);
    one->add_option("id", given->id)->required();
    return one;
  };
  of_one("check", "Try to sign in and to read", options, [options](const Client& client, const std::string& tenant) {
    return client.post(of_tenant(tenant, "directories/" + options->id + "/check"), json::object());
  }, [](const json::value& answer) { fmt::print("{}\n", field(answer, "problem").empty() ? "It answers." : field(answer, "problem")); });
  of_one("preview", "What a synchronisation would do", options, [options](const Client& client, const std::string& tenant) {
    return client.post(of_tenant(tenant, "directories/" + options->id + "/preview"), json::object());
  }, [options](const json::value& answer) {
    show_steps(answer);
    fmt::print("To do exactly this within an hour: kopial directory sync {} --preview {}{}\n", options->id, field(answer, "id"),
               field(answer, "stopped") == "true" ? " --confirm-losses (it loses many; is the filter right?)" : "");
  });
  auto* sync = of_one("sync", "Synchronise", options, [options](const Client& client, const std::string& tenant) {
    json::object body{{"confirm_losses", options->confirm}, {"complete", options->complete}};
    if (!options->preview.empty()) body["preview"] = options->preview;
    return client.post(of_tenant(tenant, "directories/" + options->id + "/sync"), body);
  }, show_steps);
  sync->add_option("--preview", options->preview, "Exactly what this preview showed");
  sync->add_flag("--confirm-losses", options->confirm, "Also when many people lose their sign-in");
  sync->add_flag("--complete", options->complete, "Read everything, not only what changed");
}

void add_grants(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("grant", "Who may see which archive, until when, and why")->require_subcommand(1);
  add_listing(*group, context, "List grants", "grants", {"ID", "USER", "GROUP", "ARCHIVE", "FOLDER", "UNTIL", "HOLDS", "REASON"}, [](const json::value& one) {
    return Strings{field(one, "id"), field(one, "user") + field(one, "system_administrator"), field(one, "group"), field(one, "archive"), field(one, "folder"),
                   time_text(field(one, "until")), field(one, "holds") == "true" ? "yes" : "", field(one, "reason")};
  });
  struct Options {
    std::string user, group, system, archive, folder, from, until, reason, id;
    Strings rights;
  };
  auto options = std::make_shared<Options>();
  auto* made = command(*group, context, "create", "Let somebody see an archive", [&context, options]() -> Result<int> {
    json::object body{{"reason", options->reason}, {"rights", to_array(options->rights.empty() ? Strings{"read"} : options->rights)}};
    const std::pair<const char*, const std::string*> given[] = {{"user", &options->user}, {"group", &options->group}, {"system_administrator", &options->system},
                                                                {"archive", &options->archive}, {"folder", &options->folder}, {"from", &options->from}, {"until", &options->until}};
    for (const auto& [name, value] : given) {
      if (!value->empty()) body[name] = *value;
    }
    return with_tenant(context, [&](const Client& client, const std::string& tenant) { return client.post(of_tenant(tenant, "grants"), body); },
                       [](const json::value& answer) { fmt::print("Grant {} is made.\n", field(answer, "id")); });
  });
  add_tenant_option(*made, context);
  made->add_option("--user", options->user, "The id of a user");
  made->add_option("--group", options->group, "The id of a group of a directory");
  made->add_option("--system-administrator", options->system, "The name of one, for 72 hours at most");
  made->add_option("--archive", options->archive);
  made->add_option("--folder", options->folder, "Only this folder and those below it");
  made->add_option("--right", options->rights, "read or export; may be given again");
  made->add_option("--from", options->from, "2026-11-24T00:00:00Z");
  made->add_option("--until", options->until, "2026-11-24T00:00:00Z");
  made->add_option("--reason", options->reason)->required();
  auto* removed = command(*group, context, "remove", "End a grant", [&context, options]() -> Result<int> {
    return with_tenant(context, [&](const Client& client, const std::string& tenant) { return client.remove(of_tenant(tenant, "grants/" + options->id)); },
                       [](const json::value&) { fmt::print("The grant is removed.\n"); });
  });
  add_tenant_option(*removed, context);
  removed->add_option("id", options->id)->required();
}

}  // namespace

void add_people(CLI::App& app, Context& context) {
  add_directories(app, context);
  add_grants(app, context);
}

}  // namespace kopial::cli
