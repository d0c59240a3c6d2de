#include "connectors/graph/item_fetch.h"

#include <fmt/format.h>

#include "connectors/http/url.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

// Failures of one item that end the whole pull, because every other item would meet them as well.
bool ends_the_pull(const Error& error) {
  return error.code == ErrorCode::cancelled || error.code == ErrorCode::denied || error.code == ErrorCode::rate_limited;
}

// Exchange cannot make a message of this item, today or tomorrow: it said so, or it says that there is nothing of the kind.
bool has_no_bytes(const Answer& answer) {
  if (answer.has_code({"ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorCannotOpenFileAttachment", "ErrorItemCorrupt"})) return true;
  return answer.status == 400 || answer.status == 405 || answer.status == 406 || answer.status == 415 || answer.status == 422 || answer.status == 501;
}

}  // namespace

SourceItem read_item(const json::object& listed, std::string folder, Time now) {
  SourceItem item;
  item.id = text(listed, "id");
  item.folder = std::move(folder);
  item.received = parse_rfc3339(text(listed, "receivedDateTime")).value_or(now);
  item.unread = listed.contains("isRead") && !flag(listed, "isRead");
  item.version = text(listed, "changeKey");
  // Only a draft's bytes change; a read flag is no reason to fetch a message again.
  if (flag(listed, "isDraft")) item.change_key = item.version;
  if (const auto* flagged = listed.if_contains("flag"); flagged != nullptr && flagged->is_object()) {
    item.flagged = text(flagged->get_object(), "flagStatus") == "flagged";
  }
  return item;
}

Result<std::optional<Error>> fetch_item(const FetchContext& context, const SourceItem& item) {
  const auto done = [](const Result<void>& given) -> Result<std::optional<Error>> {
    if (!given) return given.error();
    return std::optional<Error>();
  };
  const auto address = context.url + "/messages/" + percent_encode(item.id);
  auto answer = context.service.call({.url = address + "/$value", .mailbox = context.mailbox, .raw = true}, context.stop, context.requests);
  if (answer && answer->ok()) return done(context.sink.message(item, std::move(answer->body)));
  if (answer && answer->is_item_gone()) return done(context.sink.vanished(item.id, item.folder));  // Gone between the listing and now.
  if (answer && answer->is_mailbox_gone()) return answer->error();
  if (answer && has_no_bytes(*answer)) {
    // What Graph tells about it is kept, so that somebody can see what is missing. Attachments may be what cannot be read.
    auto told = context.service.call({.url = address + "?$expand=attachments", .mailbox = context.mailbox}, context.stop, context.requests);
    if (told && !told->ok()) told = context.service.call({.url = address, .mailbox = context.mailbox}, context.stop, context.requests);
    if (!told && ends_the_pull(told.error())) return told.error();
    const auto representation = told && told->ok() ? json::serialize(told->json) : std::string();
    return done(context.sink.quarantined(item, answer->error().message, representation));
  }
  const Error error = answer ? answer->error() : answer.error();
  if (ends_the_pull(error)) return error;
  if (error.code == ErrorCode::too_large) return done(context.sink.quarantined(item, error.message, {}));
  return std::optional(error);
}

}  // namespace kopial::graph
