// `kopial setup`: works on the data folder itself, because without an administrator nobody could sign in.
#include <fmt/format.h>

#include <memory>

#include "config/settings.h"
#include "server/cli/command.h"
#include "server/cli/session.h"
#include "server/first_start.h"

namespace kopial::cli {
namespace json = boost::json;
namespace {

struct SetupOptions {
  std::string config, admin = "admin";
  bool password_stdin = false;
};

Result<int> set_up(const SetupOptions& options) {
  auto settings = load_settings(options.config);
  if (!settings) return settings.error();
  auto password = ask_secret("Password of " + options.admin, options.password_stdin);
  if (!password) return password.error();
  if (auto done = set_up_administrator(*settings, options.admin, *password, system_clock()); !done) return done.error();
  fmt::print("{} is the first system administrator of {}. Start the daemon, then: kopial login --username {}\n", options.admin,
             settings->data_dir.string(), options.admin);
  return kDone;
}

struct LoginOptions {
  std::string tenant, username, code;
  bool password_stdin = false, print_token = false;
};

Result<int> log_in(Context& context, const LoginOptions& options) {
  // Who signs in is nobody yet, and the tenant of an earlier session is not meant.
  context.access.token = {};
  context.access.tenant = options.tenant;
  auto client = context.client();
  if (!client) return client.error();
  auto password = ask_secret(options.code.empty() ? "Password" : "New password", options.password_stdin);
  if (!password) return password.error();
  json::object body{{"username", options.username}, {"password", password->reveal()}};
  if (!context.access.tenant.empty()) body["tenant"] = context.access.tenant;
  if (!options.code.empty()) body["code"] = options.code;
  auto grant = client->post(options.code.empty() ? "/api/v1/sessions" : "/api/v1/sessions/redeem", body);
  if (!grant) return grant.error();
  context.access.token = Secret(field(*grant, "token"));
  if (options.print_token) return fmt::print("{}\n", context.access.token.reveal()), kDone;
  if (auto kept = keep_session(context.access); !kept) return kept.error();
  return print(context, *grant, [&](const json::value& answer) {
    fmt::print("Signed in at {} as {}{}, until {} UTC.\n", context.access.url, options.username,
               context.access.tenant.empty() ? "" : " of " + context.access.tenant, time_text(field(answer, "expires_at")));
  });
}

Result<int> log_out(Context& context) {
  if (!context.access.token.empty()) {
    auto client = context.client();
    if (!client) return client.error();
    auto ended = client->remove("/api/v1/sessions/current");
    if (!ended && ended.error().code != ErrorCode::unauthenticated) return ended.error();
  }
  if (auto forgotten = forget_session(); !forgotten) return forgotten.error();
  fmt::print("Signed out.\n");
  return kDone;
}

}  // namespace

void add_setup(CLI::App& app, Context& context) {
  auto options = std::make_shared<SetupOptions>();
  auto* setup = app.add_subcommand("setup", "Make the first system administrator, before the daemon's first start");
  setup->callback([&context, options] { context.run = [options] { return set_up(*options); }; });
  setup->add_option("--config", options->config, "The daemon's TOML file");
  setup->add_option("--admin", options->admin, "The administrator's name")->capture_default_str();
  setup->add_flag("--password-stdin", options->password_stdin, "Read the password from standard input");
}

void add_session(CLI::App& app, Context& context) {
  auto options = std::make_shared<LoginOptions>();
  auto* login = command(app, context, "login", "Sign in, and stay signed in", [&context, options] { return log_in(context, *options); });
  login->add_option("--tenant", options->tenant, "The organisation; left out by system administrators");
  login->add_option("--username", options->username, "Your name")->required();
  login->add_option("--code", options->code, "A one-time code: asks for a new password");
  login->add_flag("--password-stdin", options->password_stdin, "Read the password from standard input");
  login->add_flag("--print-token", options->print_token, "Print the token for KOPIAL_TOKEN instead of keeping it");
  command(app, context, "logout", "Sign out", [&context] { return log_out(context); });
}

Result<Where> where(const Context& context) {
  auto tenant = context.tenant();
  if (!tenant) return tenant.error();
  auto client = context.client();
  if (!client) return client.error();
  return Where{*std::move(client), *tenant};
}

CLI::App* command(CLI::App& parent, Context& context, const std::string& name, const std::string& text, std::function<Result<int>()> run) {
  auto* made = parent.add_subcommand(name, text);
  made->callback([&context, run = std::move(run)] { context.run = run; });
  made->add_option("--url", context.access.url, "Where the server is");
  made->add_option("--ca-file", context.access.ca_file, "A certificate in PEM form to trust");
  made->add_option_function<std::string>("--token", [&context](const std::string& token) { context.access.token = Secret(token); },
                                         "A session's or API token (others see arguments: KOPIAL_TOKEN is better)");
  made->add_flag("--json", context.json, "Print the server's answer as JSON");
  return made;
}

void add_tenant_option(CLI::App& command, Context& context) { command.add_option("--tenant", context.access.tenant, "The organisation's slug"); }

Result<int> print(const Context& context, const Result<json::value>& answer, const std::function<void(const json::value&)>& show) {
  if (!answer) return answer.error();
  if (context.json) fmt::print("{}\n", json::serialize(*answer));
  else show(*answer);
  return kDone;
}

}  // namespace kopial::cli
