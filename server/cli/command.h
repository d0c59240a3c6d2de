// How a command is written: it adds itself to the parser and gets a Context when it is the one asked for.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

#include "server/cli/client.h"
#include "server/cli/terminal.h"

namespace kopial::cli {

enum Exit { kDone = 0, kFailed = 1, kUsage = 2, kFindings = 3 };

// Filled from the options that every command has.
struct Context {
  Access access;  // as given; resolved before a command runs
  bool json = false;
  // The exit code of the command that was asked for.
  std::function<Result<int>()> run;

  // --tenant, or what was kept at sign-in; invalid when neither is there.
  Result<std::string> tenant() const {
    if (access.tenant.empty()) return Error{ErrorCode::invalid, "which tenant? Give --tenant SLUG"};
    return access.tenant;
  }
  Result<Client> client() const { return Client::connect(access); }
};

// Whom to ask, and for which tenant.
struct Where {
  Client client;
  std::string tenant;
};
Result<Where> where(const Context& context);

// A subcommand with the common options; `run` becomes Context::run when it is the one.
CLI::App* command(CLI::App& parent, Context& context, const std::string& name, const std::string& text, std::function<Result<int>()> run);
void add_tenant_option(CLI::App& command, Context& context);
// With --json the answer as it is, else what `show` prints.
Result<int> print(const Context& context, const Result<boost::json::value>& answer, const std::function<void(const boost::json::value&)>& show);

void add_setup(CLI::App& app, Context& context);           // setup
void add_session(CLI::App& app, Context& context);         // login, logout
void add_administration(CLI::App& app, Context& context);  // tenant, user, archive, credential, audit
void add_people(CLI::App& app, Context& context);         // directory, grant
void add_runs(CLI::App& app, Context& context);            // profile
void add_source(CLI::App& app, Context& context);          // credential check, profile preview, report, archive restore; after the groups
void add_import(CLI::App& app, Context& context);          // import
void add_mail(CLI::App& app, Context& context);            // search, show, raw
void add_care(CLI::App& app, Context& context);            // erase, scrub, backup, restore
void add_evidence(CLI::App& app, Context& context);        // evidence
void add_state(CLI::App& app, Context& context);           // status, doctor

}  // namespace kopial::cli
