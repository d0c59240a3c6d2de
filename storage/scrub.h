// Reading every byte of a store, slowly and in the background, to find what the disk has lost while nobody looked.
//
// A pass has two halves, and a position that survives a restart:
//   files     each SST and blob file against the checksum it was made with: finds any flipped bit, whoever's it is;
//   messages  each copy rebuilt and compared with its name, so that damage is said in the words of people.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "storage/base/ids.h"
#include "storage/base/clock.h"

namespace kopial {

struct ScrubFinding {
  std::string object;             // "file 000012.blob", "copy 3f…", "message 17"
  std::string problem;
  std::optional<Serial> message;  // that needs it
  std::optional<CopyId> copy;
};

struct ScrubOptions {
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
  std::string position;                // where an interrupted pass stood; "" from the start
  std::stop_token stop;
  std::function<void(const struct ScrubReport&)> progress;  // now and then, and at the end
};

struct ScrubReport {
  bool complete = false;  // the pass came to its end
  std::string position;   // where the next one goes on; "" from the start
  std::uint64_t files = 0, file_bytes = 0;
  std::uint64_t unknown_files = 0;  // that have no checksum: made by an early version, and until their next compaction
  std::uint64_t messages = 0, copies = 0, copy_bytes = 0;
  std::vector<ScrubFinding> findings;  // at most 1 000
  std::uint64_t damaged = 0;           // all of them
};

}  // namespace kopial
