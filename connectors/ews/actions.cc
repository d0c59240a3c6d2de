#include "connectors/ews/actions.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/ews/folder_tree.h"
#include "connectors/ews/requests.h"
#include "connectors/http/retry.h"
#include "connectors/mailbox_folders.h"

namespace kopial::ews {
namespace {

constexpr std::size_t kDepthMax = 300;  // of Exchange
constexpr int kRestoreAttempts = 5;

std::string created_id(const Message& message, std::string_view list, std::string_view id) {
  const auto* items = message.node.child(list);
  if (items == nullptr || items->children.empty()) return {};
  const auto* found = items->children.front().child(id);
  return found == nullptr ? std::string() : found->attribute("Id");
}

}  // namespace

Result<Message> Actions::ask(const SourceMailbox& mailbox, std::string body, std::stop_token stop, bool once) {
  auto target = target_(mailbox, stop);
  if (!target) return target.error();
  auto answer = service_.call(*target, {.body = std::move(body), .timeout = std::chrono::minutes(10), .once = once}, stop);
  if (!answer) return answer.error();
  return std::move(answer->messages.front());
}

Result<bool> Actions::is_unchanged(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop) {
  const ItemRef wanted{item.id, ""};
  auto message = ask(mailbox, get_items({&wanted, 1}, Shape::listed), stop);
  if (!message) return message.error();
  if (message->is({"ErrorItemNotFound"})) return false;
  if (!message->ok()) return message->error();
  const auto* items = message->node.child("Items");
  const auto* id = items == nullptr || items->children.empty() ? nullptr : items->children.front().child("ItemId");
  if (id == nullptr) return Error{ErrorCode::unavailable, "Exchange described an item without an id"};
  if (item.version.empty() || id->attribute("ChangeKey") != item.version) return Error{ErrorCode::conflict, "the item has changed at the source since it was judged"};
  return true;
}

// A stale change key is not rejected on delete, so the item is looked at first.
Result<void> Actions::remove(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop) {
  auto there = is_unchanged(mailbox, item, stop);
  if (!there) return there.error();
  if (!*there) return {};
  auto message = ask(mailbox, delete_item({item.id, item.version}), stop);
  if (!message) return message.error();
  if (message->ok() || message->is({"ErrorItemNotFound"})) return {};
  return message->error();
}

Result<std::string> Actions::move(const SourceMailbox& mailbox, const SourceItem& item, const std::string& path, std::stop_token stop) {
  auto there = is_unchanged(mailbox, item, stop);
  if (!there) return there.error();
  if (!*there) return std::string();
  auto to = folder(mailbox, path, stop);
  if (!to) return to.error();
  auto message = ask(mailbox, move_item({item.id, item.version}, *to), stop);
  if (!message) return message.error();
  if (message->ok()) return created_id(*message, "Items", "ItemId");
  if (message->is({"ErrorItemNotFound"})) return std::string();
  return message->error();
}

Result<std::string> Actions::folder(const SourceMailbox& mailbox, const std::string& path, std::stop_token stop) {
  if (is_distinguished(path)) {
    const auto named = folder_by_name(path, service_.options().impersonate ? "" : mailbox.mail);
    auto message = ask(mailbox, get_folders({&named, 1}), stop);
    if (!message) return message.error();
    if (!message->ok()) return message->error();
    auto id = created_id(*message, "Folders", "FolderId");
    return id.empty() ? Result<std::string>(Error{ErrorCode::not_found, "the mailbox has no folder " + path}) : Result<std::string>(std::move(id));
  }
  const auto names = names_of_path(path);
  if (names.empty() || names.size() > kDepthMax) return Error{ErrorCode::invalid, "'" + path.substr(0, 200) + "' is no folder to put mail into"};
  const std::lock_guard lock(creating_);
  auto tree = tree_(mailbox, false, stop);
  if (!tree) return tree.error();
  const auto find = [&](const std::string& wanted) {
    for (const auto& [id, known] : (*tree)->paths) {
      if (known == wanted) return id;
    }
    return std::string();
  };
  std::string at, parent;
  bool made = false;
  for (const auto& name : names) {
    at += (at.empty() ? "" : "/") + path_name(name);
    auto id = made ? std::string() : find(at);
    if (id.empty()) {
      auto top = folder_by_name(mailbox.part_of.empty() ? "msgfolderroot" : "archivemsgfolderroot", service_.options().impersonate ? "" : mailbox.mail);
      auto message = ask(mailbox, create_folder(parent.empty() ? std::move(top) : folder_by_id(parent), name), stop);
      if (!message) return message.error();
      if (message->ok()) {
        id = created_id(*message, "Folders", "FolderId");
        made = true;
      } else if (message->is({"ErrorFolderExists"})) {
        tree = tree_(mailbox, true, stop);
        if (!tree) return tree.error();
        id = find(at);
      } else {
        return message->error();
      }
      if (id.empty()) return Error{ErrorCode::unavailable, "Exchange made the folder '" + at + "' and did not say where"};
    }
    parent = std::move(id);
  }
  if (made) {
    if (tree = tree_(mailbox, true, stop); !tree) return tree.error();
  }
  return parent;
}

Result<std::string> Actions::find_restored(const SourceMailbox& mailbox, const std::string& folder, const std::string& marker, std::stop_token stop) {
  auto message = ask(mailbox, find_marked(folder, marker), stop);
  if (!message) return message.error();
  if (!message->ok()) return message->error();
  const auto* root = message->node.child("RootFolder");
  const auto* items = root == nullptr ? nullptr : root->child("Items");
  if (items == nullptr || items->children.empty()) return std::string();
  const auto* id = items->children.front().child("ItemId");
  return id == nullptr ? std::string() : id->attribute("Id");
}

Result<Restored> Actions::restore(const SourceMailbox& mailbox, const RestoreItem& item, std::stop_token stop) {
  auto to = folder(mailbox, item.folder, stop);
  if (!to) return to.error();
  const NewItem wanted{.mime = item.raw, .received = item.received, .sent = item.received, .unread = item.unread, .marker = item.marker};
  Restored restored;
  if (item.again) {
    auto there = find_restored(mailbox, *to, item.marker, stop);
    if (!there) return there.error();
    restored.item = *there;
  }
  for (int attempt = 1; restored.item.empty(); ++attempt) {
    auto message = ask(mailbox, create_items(*to, {&wanted, 1}), stop, true);
    if (message && message->ok()) {
      restored.item = created_id(*message, "Items", "ItemId");
      if (restored.item.empty()) return Error{ErrorCode::unavailable, "Exchange did not say what became of the message"};
      break;
    }
    const Error error = message ? message->error() : message.error();
    if (error.code != ErrorCode::unavailable && error.code != ErrorCode::timeout) return error;
    // Whether it was made is not known: had it been, asking again would leave two.
    auto there = find_restored(mailbox, *to, item.marker, stop);
    if (!there) return there.error();
    restored.item = *there;
    if (!restored.item.empty()) break;
    if (attempt >= kRestoreAttempts) return error;
    if (!service_.clock().wait_for(backoff(attempt, 0.5), stop)) return Error{ErrorCode::cancelled, "stopped while putting a message back"};
  }
  // Exchange takes the message apart and makes it anew at each download.
  restored.lost = {"the exact bytes: Exchange writes boundaries and encodings anew", "the item's former id, flags and categories"};
  return restored;
}

}  // namespace kopial::ews
