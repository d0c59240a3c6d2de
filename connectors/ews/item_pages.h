// All items of a folder, or those modified since a time, in pages and in the order of their modification.
//
// Each page begins at the time where the last one ended, not at an offset: what comes and goes between two requests shifts nothing, and
// an item that is modified meanwhile comes once more at the end.
#pragma once

#include <functional>
#include <set>

#include "connectors/ews/fetcher.h"

namespace kopial::ews {

struct ItemPage {
  std::vector<Listed> items;
  std::optional<Time> modified;  // of the last item
  bool last = false;
};

class ItemPages {
 public:
  using Ask = std::function<Result<Answer>(std::string body)>;
  ItemPages(Ask ask, std::string folder_id, std::string path, std::optional<Time> since, Time now)
      : ask_(std::move(ask)), folder_id_(std::move(folder_id)), path_(std::move(path)), since_(since), now_(now) {}
  // Fails with not_found when the folder is gone.
  Result<ItemPage> next();

 private:
  const Ask ask_;
  const std::string folder_id_, path_;
  std::optional<Time> since_;
  const Time now_;
  std::size_t offset_ = 0, page_size_ = 1000;  // Exchange gives at most 1000
  std::set<std::string> given_;  // of those modified at since_
};

}  // namespace kopial::ews
