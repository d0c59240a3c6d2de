// A store that was there before it kept evidence: its log begins with what the store holds.
//
// Records and audit events first, then every change in its order, then folders, what sources said, cursors and quarantined items become leaves,
// as they are now. Each such leaf says that it is about something earlier, and its time is when the log took it: what was before is
// the store's word and no proof. The first leaf says that the log begins and with how much, the last one that all of it was taken.
//
// A step is one bounded batch of the committer, and its place is in the state it writes: a kill at any point repeats nothing and skips
// nothing. Until the last step no mail is taken and none is erased; reads go on, and audit events.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/evidence/entry.h"

namespace kopial {

class BlobCoder;
class Committer;
class Database;
class RecordBook;
struct Change;
struct State;

// State::beginning. The order of the stages is that of the numbers.
inline constexpr std::uint8_t kBeginningNone = 0;
inline constexpr std::uint8_t kBeginningAudit = 1;       // where it goes on: "" or "b", the first leaf is there
inline constexpr std::uint8_t kBeginningChanges = 2;     // the last sequence taken; in those behind: the last key taken
inline constexpr std::uint8_t kBeginningFolders = 3;
inline constexpr std::uint8_t kBeginningSeen = 4;
inline constexpr std::uint8_t kBeginningSeenItems = 5;
inline constexpr std::uint8_t kBeginningCursors = 6;
inline constexpr std::uint8_t kBeginningQuarantine = 7;
inline constexpr std::uint8_t kBeginningLast = kBeginningQuarantine;

// Whether a store without a state row is an older one, in which there may be something to take.
Result<bool> has_rows_without_state(const Database& database);

// For one thread at a time.
class LogBeginning {
 public:
  LogBeginning(const Database& database, const BlobCoder& coder, RecordBook& records, Committer& committer)
      : database_(database), coder_(coder), records_(records), committer_(committer) {}

  // Returns true when the log has begun, false when it was stopped or `time` was up. Fails as reading and writing fail; it may be run again.
  Result<bool> run(const std::stop_token& stop, std::optional<std::chrono::milliseconds> time = std::nullopt);

 private:
  struct Row {
    std::size_t family = 0;
    Bytes key;
    std::optional<Bytes> value;  // nullopt: removed
  };
  struct Step {
    std::vector<std::pair<Sequence, Entry>> changes;
    std::vector<std::pair<EntryKind, std::vector<Fact>>> events;
    std::vector<Row> rows;
    std::uint8_t stage = 0;
    Bytes at;
  };
  Result<void> begin(const State& state);
  Result<Step> next(const State& state) const;
  Result<void> write(const Step& step);
  Result<void> take_audit(Step& step) const;
  Result<void> take_changes(Step& step) const;
  Result<Entry> taken(const Change& change, Step& step) const;
  Result<void> take_folders(Step& step) const;
  Result<void> take_rows(Step& step, std::size_t family) const;
  Result<void> take_quarantine(Step& step) const;

  const Database& database_;
  const BlobCoder& coder_;
  RecordBook& records_;
  Committer& committer_;
};

}  // namespace kopial
