// What Kopial does to an Exchange mailbox: delete and move what is archived, and put mail back.
#pragma once

#include <functional>

#include "connectors/ews/mailbox_listing.h"
#include "connectors/source_actions.h"

namespace kopial::ews {

// Deletions go to Recoverable Items, where the retention of the mailbox still has them.
class Actions final : public SourceActions {
 public:
  using Tree = std::function<Result<std::shared_ptr<const KnownTree>>(const SourceMailbox&, bool anew, std::stop_token)>;
  using TargetOf = std::function<Result<Target>(const SourceMailbox&, std::stop_token)>;
  Actions(Service& service, TargetOf target, Tree tree) : service_(service), target_(std::move(target)), tree_(std::move(tree)) {}

  Result<void> remove(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop) override;
  Result<std::string> move(const SourceMailbox& mailbox, const SourceItem& item, const std::string& folder, std::stop_token stop) override;
  Result<Restored> restore(const SourceMailbox& mailbox, const RestoreItem& item, std::stop_token stop) override;

 private:
  Result<Message> ask(const SourceMailbox& mailbox, std::string body, std::stop_token stop, bool once = false);
  // The id of the item that carries the marker; "" when there is none.
  Result<std::string> find_restored(const SourceMailbox& mailbox, const std::string& folder, const std::string& marker, std::stop_token stop);
  // The item with the change key it has now; nullopt when it is gone, conflict when that is another one than was judged.
  Result<bool> is_unchanged(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop);
  Result<std::string> folder(const SourceMailbox& mailbox, const std::string& path, std::stop_token stop);  // its id

  Service& service_;
  const TargetOf target_;
  const Tree tree_;
  std::mutex creating_;  // folders are made by one at a time
};

}  // namespace kopial::ews
