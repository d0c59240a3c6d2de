// Which mailboxes a directory had at the last run of a profile: one that is listed no more is named, and does not just stay away.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "connectors/events.h"
#include "server/archiving/run_service.h"

namespace kopial {

// For one thread at a time.
class ListedMailboxes {
 public:
  ListedMailboxes(Tenant& tenant, const Profile& profile) : tenant_(tenant), profile_(profile) {}

  // To be told of everything that is listed, whether the profile leaves it out or not.
  void add(const SourceMailbox& mailbox);
  struct Missing {
    std::string key, upn;
  };
  // Those that were listed at the last run and are not now.
  Result<std::vector<Missing>> missing() const;
  // At the end of a run: what is listed now is what the next one compares with.
  Result<void> keep() const;

 private:
  using Listed = std::map<std::string, std::string>;  // id, or the name where the id is not known yet -> name
  Result<Listed> before() const;

  Tenant& tenant_;
  const Profile& profile_;
  Listed now_;
};

}  // namespace kopial
