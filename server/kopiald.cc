// The daemon. Exit codes: 0 orderly stop, 1 failed, 2 configuration error.
#include <CLI/CLI.hpp>

#include <malloc.h>

#include <csignal>
#include <cstdio>

#include "server/app.h"
#include "storage/base/log.h"
#include "storage/mail/message_view.h"

namespace {

int fail(int code, const std::string& message) {
  std::fprintf(stderr, "kopiald: %s\n", message.c_str());
  return code;
}

// glibc gives each thread an arena and, once large blocks were freed, keeps serving large ones from it: with dozens of threads that hand
// messages to each other the process held three times of what it used. Few arenas, and large blocks that go straight back to the system.
void bound_heap() {
  mallopt(M_ARENA_MAX, 4);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  bound_heap();
  CLI::App arguments{"Kopial, an e-mail archive of record: the daemon"};
  std::string config;
  bool check = false;
  arguments.add_option("--config", config, "the TOML file; without one, everything has its default");
  arguments.add_flag("--check", check, "read the configuration, say whether it is right, and end");
  arguments.set_version_flag("--version", KOPIAL_VERSION);
  try {
    arguments.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return arguments.exit(error) == 0 ? 0 : 2;
  }
  auto settings = kopial::load_settings(config);
  if (!settings) return fail(2, settings.error().message);
  if (auto set = kopial::set_up_logging(settings->log.level, settings->log.format); !set) return fail(2, set.error().message);
  if (check) return std::puts("kopiald: the configuration is right"), 0;

  // Signals come to this thread alone: every other one inherits the mask.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  kopial::initialise_mail();

  auto app = kopial::App::start(*settings, kopial::system_clock());
  if (!app) return fail(app.error().code == kopial::ErrorCode::invalid ? 2 : 1, app.error().message);
  for (const auto& address : (*app)->addresses()) std::printf("kopiald: ready at %s\n", address.c_str());
  std::fflush(stdout);

  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) break;
    auto again = kopial::load_settings(config);
    if (again) (void)kopial::set_up_logging(again->log.level, again->log.format);
    else spdlog::error("the configuration was changed and is wrong; the old one stays: {}", again.error().message);
    if (auto done = (*app)->reload(); !done) spdlog::error("the certificate could not be read again; the old one stays: {}", done.error().message);
    else spdlog::info("certificates and log level were read again");
  }
  spdlog::info("stopping");
  (*app)->stop();
  return 0;
}
