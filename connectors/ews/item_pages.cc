#include "connectors/ews/item_pages.h"

#include "connectors/ews/requests.h"

namespace kopial::ews {

Result<ItemPage> ItemPages::next() {
  auto answer = ask_(find_items(folder_id_, since_, offset_, page_size_));
  if (!answer) return answer.error();
  auto* message = &answer->messages.front();
  while (message->is({"ErrorExceededFindCountLimit"}) && page_size_ > 10) {
    page_size_ /= 2;
    answer = ask_(find_items(folder_id_, since_, offset_, page_size_));
    if (!answer) return answer.error();
    message = &answer->messages.front();
  }
  if (!message->ok()) return message->error();
  const auto* root = message->node.child("RootFolder");
  const auto* items = root == nullptr ? nullptr : root->child("Items");
  if (root == nullptr) return Error{ErrorCode::unavailable, "Exchange's listing has no items and no end"};
  ItemPage page;
  page.last = root->attribute("IncludesLastItemInRange") != "false";
  std::set<std::string> given;
  std::size_t listed_items = 0;
  for (const auto& node : items == nullptr ? std::vector<Node>() : items->children) {
    ++listed_items;
    auto listed = read_listed(node, path_, now_);
    const auto modified = parse_rfc3339(node.child_text("LastModifiedTime"));
    if (listed.item.id.empty()) continue;
    if (modified && modified != page.modified) {
      page.modified = modified;
      given.clear();
    }
    given.insert(listed.item.id);
    if (!given_.contains(listed.item.id)) page.items.push_back(std::move(listed));
  }
  if (page.last) return page;
  if (listed_items == 0) return Error{ErrorCode::unavailable, "Exchange's listing goes in a circle"};
  if (page.modified && page.modified != since_) {
    since_ = page.modified;
    offset_ = 0;
    given_ = std::move(given);
  } else {  // A whole page of one moment.
    offset_ += listed_items;
    given_.insert(given.begin(), given.end());
  }
  return page;
}

}  // namespace kopial::ews
