// Mail in files: EML, mbox (mboxrd and mboxo), Maildir, and folders of them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "connectors/events.h"

namespace kopial {

struct FileMessage {
  std::filesystem::path path;
  std::uint64_t offset = 0;  // within an mbox
  std::string folder;        // from the Maildir++ name, the mbox file or the directories below the start
  Time received;             // from the mbox line, else Maildir's name, else the file's time
  bool unread = false;
  Bytes raw;                 // byte for byte: an mboxrd's ">From " is unquoted, its envelope line left out
};

struct ReadReport {
  std::uint64_t messages = 0;
  std::vector<std::string> findings;  // files that were skipped, and why
};

// Walks `start` (a file or a folder) in a stable order and gives each message once; stops when `take` fails, with its error.
// Streams: memory does not grow with the size of a mailbox. Symbolic links are not followed out of `start`.
Result<ReadReport> read_files(const std::filesystem::path& start, std::uint64_t message_bytes_max,
                              const std::function<Result<void>(FileMessage)>& take, std::stop_token stop);

}  // namespace kopial
