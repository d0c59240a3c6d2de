// What Kopial does to a source: delete or move what is archived, and put mail back. Everything else only reads.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "connectors/events.h"

namespace kopial {

// A message to put back.
struct RestoreItem {
  std::string folder;  // path in the mailbox, made when it is not there
  BytesView raw;
  Time received;
  bool unread = false;
  // Names this putting back of this message, for good: it is written into the item, where a repetition finds it. Letters, digits, '-', '_', '/'.
  std::string marker;
  bool again = false;  // a former attempt may have got through: that is looked for first
};
struct Restored {
  std::string item;               // the source's id of the new item
  std::vector<std::string> lost;  // what the mailbox now has otherwise than the archive; empty: nothing
};

// Thread-safe. `item.version` is the state the caller has judged: an item that is in another state now is left alone.
class SourceActions {
 public:
  virtual ~SourceActions() = default;

  // Done when it returns, also when the item was gone already. Fails with conflict when the item has changed, denied when the
  // sign-in may not write, cancelled, unavailable (whether it was done is then unknown; `Source::locate` tells).
  virtual Result<void> remove(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop) = 0;
  // To the folder with that path, made when it is not there. The item's new id; "" when the source does not say it.
  virtual Result<std::string> move(const SourceMailbox& mailbox, const SourceItem& item, const std::string& folder, std::stop_token stop) = 0;

  // Whole or not at all, and once: whatever an attempt without an answer has left behind is found by the marker, and taken for done or
  // taken away. Fails with invalid (the source cannot take this message; the reason is said), denied, too_large, cancelled, unavailable.
  virtual Result<Restored> restore(const SourceMailbox& mailbox, const RestoreItem& item, std::stop_token stop) = 0;
};

}  // namespace kopial
