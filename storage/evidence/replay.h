// What the store must hold, told from the facts of its leaves alone; and holding its rows against that.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "storage/database.h"
#include "storage/evidence/entry.h"
#include "storage/layout.h"
#include "storage/values.h"

namespace kopial {

struct VerifyReport;
using FindingSink = std::function<void(std::string)>;

// The facts of all leaves, one after the other. For one thread at a time.
class Replay {
 public:
  struct Copy {
    Serial serial{};
    std::uint64_t bytes = 0;
    std::uint32_t defects = 0;
    std::uint64_t leaf = 0;
  };
  struct Message {
    Digest row;
    Sequence added{};
    CopyId first;
    std::uint64_t leaf = 0;
  };
  struct Place {
    CopyId copy;
    Time received;
    bool unread = false;
    std::optional<Time> vanished_at;
    std::uint64_t leaf = 0;
  };
  struct Folder {
    Bytes path;
    std::uint64_t leaf = 0;
  };
  struct Quarantine {
    Digest row, content;
    std::uint64_t leaf = 0;
  };

  void add(const StoredEntry& entry, Sequence sequence, const FindingSink& finding);
  // To be called when all are added.
  void finish(const FindingSink& finding);

  std::map<CopyId, Copy> copies;
  std::map<Serial, Message> messages;
  std::map<std::pair<Serial, Sequence>, CopyId> further;  // copies behind the first one
  std::map<Bytes, Place> places;                          // by the key of kMessagePlacements
  std::map<std::pair<ArchiveId, std::uint32_t>, Folder> folders;
  std::map<ArchiveId, std::optional<Time>> last_archived;  // nullopt: before the log began, so nobody can say
  struct Row {
    RowDigest digest{};
    std::uint64_t leaf = 0;
  };
  using Rows = std::map<RowKeyDigest, Row>;
  std::map<std::uint8_t, Rows> rows;  // by family: what is there
  std::map<std::uint64_t, Quarantine> quarantine;
  bool erasures = false;

 private:
  void add(const Entry& entry, bool earlier, const Fact& fact, std::uint64_t leaf, Sequence sequence, const FindingSink& finding);
  void erase(const Fact& fact, std::uint64_t leaf);

  std::map<std::uint64_t, Serial> redacted_;          // leaves without content, and the message they name
  std::map<std::uint64_t, std::uint64_t> permitted_;  // leaves an erasure speaks of, and the erasure's leaf
};

// Every row of the store is what the leaves say, and nothing that they say is missing. Fails as reading fails.
Result<void> hold_rows(Database& database, const Secret& key, const Names& names, const Replay& replay, const State& state,
                       std::uint64_t message_bytes_max, const FindingSink& finding, VerifyReport& report);

}  // namespace kopial
