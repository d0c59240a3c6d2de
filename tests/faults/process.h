// A child process and what it says, until it is killed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace kopial::faults {

class Process {
 public:
  explicit Process(const std::vector<std::string>& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Waits until it has said `bytes` bytes or has ended; false when it ended first.
  bool wait_for_output(std::size_t bytes);
  // Everything it has said by now, without waiting.
  const std::string& said();
  // Kills it with SIGKILL, waits for its end, and gives all it said. How it ended by itself, if it did, is in `exit_code`.
  std::string kill();
  int exit_code() const { return exit_code_; }

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  int exit_code_ = -1;
  std::string output_;
};

}  // namespace kopial::faults
