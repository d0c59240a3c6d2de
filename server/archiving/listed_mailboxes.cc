#include "server/archiving/listed_mailboxes.h"

#include <boost/json.hpp>

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::string_view kKind = "listed_mailboxes";

}  // namespace

void ListedMailboxes::add(const SourceMailbox& mailbox) { now_[mailbox.id.empty() ? mailbox.upn : mailbox.id] = mailbox.upn; }

Result<ListedMailboxes::Listed> ListedMailboxes::before() const {
  auto record = tenant_.store().records().get(kKind, profile_.id);
  if (!record) return record.error();
  Listed listed;
  if (!*record) return listed;
  json::error_code bad;
  const auto value = json::parse((*record)->json, bad);
  const auto* all = !bad && value.is_object() ? value.get_object().if_contains("mailboxes") : nullptr;
  if (all == nullptr || !all->is_object()) return Error{ErrorCode::corrupt, "the list of mailboxes of profile " + profile_.name + " cannot be read"};
  for (const auto& [key, upn] : all->get_object()) listed[key] = upn.is_string() ? std::string(upn.get_string()) : std::string();
  return listed;
}

Result<std::vector<ListedMailboxes::Missing>> ListedMailboxes::missing() const {
  auto then = before();
  if (!then) return then.error();
  std::vector<Missing> gone;
  for (const auto& [key, upn] : *then) {
    if (!now_.contains(key)) gone.push_back({key, upn});
  }
  return gone;
}

Result<void> ListedMailboxes::keep() const {
  auto then = before();
  if (then && *then == now_) return {};  // One that cannot be read is replaced.
  json::object all;
  for (const auto& [key, upn] : now_) all[key] = upn;
  return tenant_.store().records().put(std::string(kKind), profile_.id, json::serialize(json::object{{"version", 1}, {"mailboxes", std::move(all)}}));
}

}  // namespace kopial
