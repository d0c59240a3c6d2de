// The command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with findings.
#include <fmt/format.h>

#include <csignal>

#include "server/cli/command.h"
#include "server/cli/session.h"

int main(int argc, char** argv) {
  using namespace kopial;
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Kopial, an e-mail archive of record: the command line"};
  app.set_version_flag("--version", KOPIAL_VERSION);
  app.require_subcommand(1);
  app.footer("KOPIAL_URL, KOPIAL_TOKEN, KOPIAL_CA_FILE and KOPIAL_TENANT stand for the options of the same names.");
  cli::Context context;
  cli::add_setup(app, context);
  cli::add_session(app, context);
  cli::add_administration(app, context);
  cli::add_people(app, context);
  cli::add_runs(app, context);
  cli::add_source(app, context);
  cli::add_import(app, context);
  cli::add_mail(app, context);
  cli::add_care(app, context);
  cli::add_evidence(app, context);
  cli::add_state(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kDone : cli::kUsage;
  }
  auto access = cli::resolve_access(context.access);
  if (!access) return fmt::print(stderr, "kopial: {}\n", access.error().message), cli::kFailed;
  context.access = *access;
  try {
    const auto code = context.run();
    if (code) return *code;
    fmt::print(stderr, "kopial: {}\n", code.error().message);
  } catch (const std::exception& error) {  // A field that the answer lacks: another version, or not Kopial at all.
    fmt::print(stderr, "kopial: {} does not answer as this version expects ({})\n", context.access.url, error.what());
  }
  return cli::kFailed;
}
