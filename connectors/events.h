// What a connector says and asks: a remote mailbox as a sequence of events. It knows neither store nor index.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

struct SourceMailbox {
  std::string id;        // the directory's immutable id
  std::string upn;       // user principal name or address, for people and for matching include lists
  std::string display_name;
  std::string mail;
  std::vector<std::string> addresses;
  enum class Purpose : std::uint8_t { user, shared, room, equipment, unknown } purpose = Purpose::unknown;
  bool enabled = true;
  // A further mailbox of the same owner (an in-place archive): the id of his primary one, into whose archive its mail goes, and the
  // folder that its own folders are put below there. Both "" for a primary mailbox.
  std::string part_of, folder_prefix;
};

// The folder of an owner's archive that the mail of his in-place archive mailbox goes below.
inline constexpr std::string_view kInPlaceArchive = "In-Place Archive";
// The folder above what its owner has deleted, and the source still keeps.
inline constexpr std::string_view kRecoverableItems = "Recoverable Items";

struct SourceItem {
  std::string id;          // opaque and case-sensitive
  std::string change_key;  // names this version of the item; another one means other bytes. "": the item's bytes do not change
  std::string version;     // the item's exact state at the source, flags included: what an action at the source is conditional on. "": unknown
  std::string folder;      // path, '/' between names, '/' inside a name as "%2F"
  Time received;
  bool unread = false;
  bool flagged = false;    // marked for follow-up by its owner
};

enum class Known : std::uint8_t { no, same, elsewhere };  // elsewhere: archived, and last seen in another folder

// Where events go. Calls may come from several threads of one pull at once; implementations are thread-safe.
// An error returned from any call ends the pull with that error.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // Whether the item is archived already; asked before its bytes are fetched.
  virtual Result<Known> known(const SourceItem& item) = 0;
  virtual Result<void> message(SourceItem item, Bytes raw) = 0;
  // An archived item is now in item.folder (same id), or has become `item` (new id) from `old_id`.
  virtual Result<void> moved(const std::string& old_id, const SourceItem& item) = 0;
  virtual Result<void> vanished(const std::string& item_id, const std::string& folder) = 0;
  // Arrived but could not be understood or converted: what there is, and why.
  virtual Result<void> quarantined(const SourceItem& item, std::string reason, Bytes representation) = 0;
  // Could not be read at all this time; the run is not green. The cursor must not pass it unless it stays listed.
  virtual Result<void> failed(const SourceItem& item, const Error& error) = 0;

  // Ids of the archived items last seen in that folder that have not vanished, in no particular order and in pages: `after` is
  // the last id of the page before. For comparing with a full listing.
  virtual Result<std::vector<std::string>> archived(const std::string& folder, const std::string& after, std::size_t limit) = 0;

  // "" when there is none. folder_id "" is the mailbox's own cursor (its folder tree).
  virtual Result<std::string> cursor(const std::string& folder_id) = 0;
  // Covers every event given before this call for that folder: saved only together with them, in one durable write.
  // "" drops the cursor (folder gone, or the source asked for a fresh start).
  virtual Result<void> save_cursor(const std::string& folder_id, std::string value) = 0;

  // Progress for people: the source said there are about so many items to look at.
  virtual void expected(std::uint64_t items) = 0;
};

// Something at the source that could not be looked into: no mailbox with a gap is complete.
struct SourceGap {
  std::string folder;  // "" = the mailbox as a whole
  std::string reason;
};

// What one pull of a mailbox came to, beside what the sink counted itself.
struct PullReport {
  std::uint64_t seen = 0;       // items the source listed, new or changed, in this pull
  std::uint64_t requests = 0;
  std::vector<std::string> findings;  // what an administrator should know: "folder X: sync state was reset"
  std::vector<SourceGap> gaps;        // folders that could not be read this time
  bool unfinished = false;            // backfill is left for a later pull
};

}  // namespace kopial
