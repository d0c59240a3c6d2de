#include "tests/faults/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

extern char** environ;

namespace kopial::faults {

Process::Process(const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int failed = ::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  pipe_ = ends[0];
  if (failed != 0) throw std::runtime_error("cannot start " + command.front());
}

Process::~Process() {
  if (pid_ > 0) kill();
  ::close(pipe_);
}

bool Process::wait_for_output(std::size_t bytes) {
  char buffer[65536];
  while (output_.size() < bytes) {
    const auto got = ::read(pipe_, buffer, sizeof buffer);
    if (got <= 0) return false;
    output_.append(buffer, static_cast<std::size_t>(got));
  }
  return true;
}

const std::string& Process::said() {
  pollfd waiting{pipe_, POLLIN, 0};
  while (::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLIN) != 0) {
    if (!wait_for_output(output_.size() + 1)) break;
  }
  return output_;
}

std::string Process::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    if (WIFEXITED(status)) exit_code_ = WEXITSTATUS(status);
    pid_ = -1;
  }
  while (wait_for_output(output_.size() + 1)) {
  }
  return output_;
}

}  // namespace kopial::faults
