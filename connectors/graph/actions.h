// What is done to a mailbox of Microsoft 365: deleting, moving, and putting messages back.
#pragma once

#include <map>
#include <string>

#include "connectors/graph/service.h"
#include "connectors/source_actions.h"
#include "storage/base/guarded.h"

namespace kopial::graph {

// Deleting and moving are conditional on the item's ETag; a deleted item goes to the Recoverable Items, where the service keeps it for
// its owner's time. Putting back is by JSON with the MAPI properties of a received message, because a message given to Graph as MIME
// stays a draft for good: what the mailbox then has is what Exchange makes of it, and each thing that is lost by that is named.
class Actions final : public SourceActions {
 public:
  explicit Actions(Service& service) : service_(service) {}

  Result<void> remove(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop) override;
  Result<std::string> move(const SourceMailbox& mailbox, const SourceItem& item, const std::string& folder, std::stop_token stop) override;
  Result<Restored> restore(const SourceMailbox& mailbox, const RestoreItem& item, std::stop_token stop) override;

 private:
  struct Attachment {
    std::string name, content_type, content_id;
    bool is_inline = false;
    Bytes bytes;
  };
  // The folder of that path or well-known name; made when it is not there.
  Result<std::string> folder_id(const SourceMailbox& mailbox, const std::string& path, std::stop_token stop);
  Result<std::string> child_folder(const SourceMailbox& mailbox, const std::string& parent, const std::string& name, std::stop_token stop);
  // `left_behind`: something of it is, or may be, in the mailbox although it failed.
  Result<Restored> put_back(const SourceMailbox& mailbox, const std::string& folder, const RestoreItem& item, bool& left_behind, std::stop_token stop);
  Result<void> remove_marked(const SourceMailbox& mailbox, const std::string& folder, const std::string& marker, int attempts_max, std::stop_token stop);
  Result<void> attach(const SourceMailbox& mailbox, const std::string& item, const Attachment& attachment, std::stop_token stop);

  Service& service_;
  Guarded<std::map<std::pair<std::string, std::string>, std::string>> folders_;  // mailbox, path -> id
};

}  // namespace kopial::graph
