#include "connectors/graph/actions.h"

#include <fmt/format.h>

#include "connectors/graph/mailbox_pull.h"
#include "connectors/http/retry.h"
#include "connectors/http/url.h"
#include "connectors/mailbox_folders.h"
#include "storage/base/encoding.h"
#include "storage/mail/message_view.h"
#include "storage/mail/transfer.h"

namespace kopial::graph {
namespace json = boost::json;
namespace {

constexpr std::size_t kInlineBytesMax = 2'900'000;      // An attachment in one request: 4 MB of JSON, a third of it base64.
constexpr std::uint64_t kAttachmentBytesMax = 150ull << 20;
constexpr std::size_t kBodyBytesMax = 2'500'000;
constexpr std::size_t kHeaderBytesMax = 64 << 10;
constexpr std::size_t kFoldersKept = 10'000;
constexpr int kRestoreAttempts = 5, kCleaningAttempts = 3;
// A property of our own, by which a message that was put back is found again.
constexpr std::string_view kMarker = "String {6f1d2c0a-93f5-4c55-9b0e-7a4a5d2f8e31} Name KopialRestore";
constexpr std::string_view kRemade = "the header fields and MIME structure are Exchange's own now; the original bytes stay in the archive";

// Of a refused change: somebody was faster, or the item is gone.
Result<void> judge(const Result<Answer>& answer) {
  if (!answer) return answer.error();
  if (answer->ok() || answer->is_item_gone()) return {};
  if (answer->status == 412 || answer->status == 409) return Error{ErrorCode::conflict, "the item was changed meanwhile"};
  return answer->error();
}

std::string etag_of(const SourceItem& item) { return item.version.empty() ? "" : "W/\"" + item.version + "\""; }

json::array addresses(const std::vector<MailAddress>& all) {
  json::array out;
  for (const auto& one : all) {
    if (one.address.empty()) continue;
    out.push_back(json::object{{"emailAddress", {{"name", one.name.empty() ? one.address : one.name}, {"address", one.address}}}});
  }
  return out;
}

json::object property(std::string_view id, std::string value) { return {{"id", id}, {"value", std::move(value)}}; }

// Whole seconds: what MAPI times are given in.
std::string second_of(Time time) { return format_rfc3339(std::chrono::floor<std::chrono::seconds>(time)); }

// A message as Graph takes it, and what of it cannot go with it.
struct Composed {
  json::object message;
  bool needs_original = false;  // what is shown is not what was sent: the original goes along as an attachment
  std::vector<std::string> lost;
};

Composed compose(const RestoreItem& item, const Structure& structure, const Summary& summary, const Parts& parts) {
  Composed out;
  out.lost.emplace_back(kRemade);
  const auto& top = structure.entities.front();
  const auto is = [&](std::string_view type) { return top.media_type == type; };
  if (is("multipart/signed") || is("application/pkcs7-mime") || is("application/x-pkcs7-mime") || is("multipart/encrypted")) {
    out.needs_original = true;
    out.lost.emplace_back("the signature or encryption holds for the attached original only");
  }
  std::string content;
  bool html = false;
  std::uint32_t ignored = 0;
  const auto& bodies = parts.html.empty() ? parts.text : parts.html;
  html = !parts.html.empty();
  for (const auto index : bodies) {
    content += leaf_text(item.raw, structure.entities[index], kBodyBytesMax + 1 - std::min(content.size(), kBodyBytesMax), ignored);
    if (content.size() > kBodyBytesMax) break;
  }
  if (content.size() > kBodyBytesMax) {
    content = make_valid_utf8(BytesView(content).substr(0, kBodyBytesMax));
    out.needs_original = true;
    out.lost.emplace_back("the text is cut short; the attached original has all of it");
  }
  if (!parts.html.empty() && !parts.text.empty()) out.lost.emplace_back("the plain text beside the formatted one");

  json::array properties;
  // PidTagMessageFlags without "unsent": a received message, not a draft.
  properties.push_back(property("Integer 0x0E07", item.unread ? "0" : "1"));
  properties.push_back(property("SystemTime 0x0E06", second_of(item.received)));
  properties.push_back(property("SystemTime 0x0039", second_of(summary.date.value_or(item.received))));
  // PidTagTransportMessageHeaders: what mail programs show as the source of a message.
  const auto headers = top.header.of(item.raw).substr(0, kHeaderBytesMax);
  if (!headers.empty()) properties.push_back(property("String 0x007D", make_valid_utf8(headers)));
  properties.push_back(property(kMarker, item.marker));

  auto& message = out.message;
  message = {{"subject", summary.subject},
             {"body", {{"contentType", html ? "html" : "text"}, {"content", std::move(content)}}},
             {"toRecipients", addresses(summary.to)},
             {"ccRecipients", addresses(summary.cc)},
             {"bccRecipients", addresses(summary.bcc)},
             {"replyTo", addresses(summary.reply_to)},
             {"isRead", !item.unread},
             {"singleValueExtendedProperties", std::move(properties)}};
  if (auto from = addresses(summary.from); !from.empty()) {
    message["from"] = from.front();
    auto sender = addresses(summary.sender);
    message["sender"] = sender.empty() ? from.front() : sender.front();
  }
  if (!summary.message_id.empty()) message["internetMessageId"] = "<" + summary.message_id + ">";
  return out;
}

}  // namespace

Result<void> Actions::remove(const SourceMailbox& mailbox, const SourceItem& item, std::stop_token stop) {
  return judge(service_.call({.url = mailbox_url(service_, mailbox) + "/messages/" + percent_encode(item.id), .mailbox = mailbox.id, .method = "DELETE",
                              .if_match = etag_of(item)},
                             stop));
}

Result<std::string> Actions::move(const SourceMailbox& mailbox, const SourceItem& item, const std::string& folder, std::stop_token stop) {
  auto target = folder_id(mailbox, folder, stop);
  if (!target) return target.error();
  auto answer = service_.call({.url = mailbox_url(service_, mailbox) + "/messages/" + percent_encode(item.id) + "/move", .mailbox = mailbox.id, .method = "POST",
                               .body = json::serialize(json::object{{"destinationId", *target}}), .if_match = etag_of(item)},
                              stop);
  if (auto done = judge(answer); !done) return done.error();
  return answer->ok() ? text(answer->json, "id") : std::string();
}

Result<std::string> Actions::child_folder(const SourceMailbox& mailbox, const std::string& parent, const std::string& name, std::stop_token stop) {
  const auto children = mailbox_url(service_, mailbox) + "/mailFolders/" + percent_encode(parent) + "/childFolders";
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::string link = children + "?includeHiddenFolders=true&$top=250&$select=id,displayName";
    while (!link.empty()) {
      auto answer = service_.call({.url = link, .mailbox = mailbox.id}, stop);
      if (!answer) return answer.error();
      if (!answer->ok()) return answer->error().with_context("looking for folder " + name);
      if (const auto* listed = list(answer->json, "value")) {
        for (const auto& one : *listed) {
          if (one.is_object() && text(one.get_object(), "displayName") == name) return text(one.get_object(), "id");
        }
      }
      link = text(answer->json, "@odata.nextLink");
    }
    auto made = service_.call({.url = children, .mailbox = mailbox.id, .method = "POST", .body = json::serialize(json::object{{"displayName", name}})}, stop);
    if (!made) return made.error();
    if (made->ok()) return text(made->json, "id");
    if (made->status != 409) return made->error().with_context("making folder " + name);  // 409: somebody was faster.
  }
  return Error{ErrorCode::conflict, "folder " + name + " can neither be found nor made"};
}

Result<std::string> Actions::folder_id(const SourceMailbox& mailbox, const std::string& path, std::stop_token stop) {
  const std::pair key(mailbox.id, path);
  const auto known = folders_.with([&](const auto& all) {
    const auto found = all.find(key);
    return found == all.end() ? std::string() : found->second;
  });
  if (!known.empty()) return known;
  std::string id;
  if (!path.empty() && path.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos) {  // Perhaps a well-known name.
    auto answer = service_.call({.url = mailbox_url(service_, mailbox) + "/mailFolders/" + path + "?$select=id", .mailbox = mailbox.id}, stop);
    if (!answer) return answer.error();
    if (answer->ok()) id = text(answer->json, "id");
  }
  if (id.empty()) {
    id = "msgfolderroot";
    for (const auto& name : names_of_path(path)) {
      auto child = child_folder(mailbox, id, name, stop);
      if (!child) return child.error();
      id = *child;
    }
    if (id == "msgfolderroot") return Error{ErrorCode::invalid, "a folder must be named"};
  }
  folders_.with([&](auto& all) {
    if (all.size() >= kFoldersKept) all.clear();
    all[key] = id;
  });
  return id;
}

Result<Restored> Actions::restore(const SourceMailbox& mailbox, const RestoreItem& item, std::stop_token stop) {
  auto folder = folder_id(mailbox, item.folder, stop);
  if (!folder) return folder.error();
  if (item.again) {
    if (auto done = remove_marked(mailbox, *folder, item.marker, 0, stop); !done) return done.error();
  }
  for (int attempt = 1;; ++attempt) {
    bool left_behind = false;
    auto done = put_back(mailbox, *folder, item, left_behind, stop);
    if (done) return done;
    const auto& error = done.error();
    // Half a message looks like a whole one, and one that nobody was told of would be there twice.
    if (left_behind) {
      if (auto removed = remove_marked(mailbox, *folder, item.marker, kCleaningAttempts, {}); !removed) {
        return error.with_context("a part of the message may have stayed in the mailbox (" + removed.error().message + ")");
      }
    }
    const bool passing = error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout;
    if (!passing || attempt >= kRestoreAttempts) return error;
    if (!service_.clock().wait_for(backoff(attempt, 0.5), stop)) return Error{ErrorCode::cancelled, "stopped while putting a message back"};
  }
}

Result<void> Actions::remove_marked(const SourceMailbox& mailbox, const std::string& folder, const std::string& marker, int attempts_max, std::stop_token stop) {
  const auto filter = fmt::format("singleValueExtendedProperties/Any(ep: ep/id eq '{}' and ep/value eq '{}')", kMarker, marker);
  const auto url = fmt::format("{}/mailFolders/{}/messages?$filter={}&$select=id&$top=50", mailbox_url(service_, mailbox), percent_encode(folder), percent_encode(filter));
  auto found = service_.call({.url = url, .mailbox = mailbox.id, .attempts_max = attempts_max}, stop);
  if (!found) return found.error();
  if (!found->ok()) return found->error();
  const auto* listed = list(found->json, "value");
  if (listed == nullptr) return {};
  for (const auto& one : *listed) {
    if (!one.is_object()) continue;
    auto removed = service_.call({.url = mailbox_url(service_, mailbox) + "/messages/" + percent_encode(text(one.get_object(), "id")) + "/permanentDelete", .mailbox = mailbox.id,
                                  .method = "POST", .attempts_max = attempts_max},
                                 stop);
    if (!removed) return removed.error();
    if (!removed->ok() && !removed->is_item_gone()) return removed->error();
  }
  return {};
}

Result<Restored> Actions::put_back(const SourceMailbox& mailbox, const std::string& folder, const RestoreItem& item, bool& left_behind, std::stop_token stop) {
  const auto structure = scan(item.raw);
  const auto summary = summarize(item.raw, structure);
  const auto parts = classify(structure);
  auto composed = compose(item, structure, summary, parts);

  auto made = service_.call({.url = mailbox_url(service_, mailbox) + "/mailFolders/" + percent_encode(folder) + "/messages", .mailbox = mailbox.id, .method = "POST",
                             .body = json::serialize(composed.message), .once = true},
                            stop);
  left_behind = !made || made->ok();  // Without an answer it may be there.
  if (!made) return made.error();
  if (!made->ok()) {
    folders_.with([](auto& all) { all.clear(); });  // The folder may have been deleted.
    return made->error().with_context("creating the message");
  }
  Restored restored{text(made->json, "id"), std::move(composed.lost)};
  if (flag(made->json, "isDraft")) restored.lost.emplace_back("the mailbox shows it as a draft");

  std::size_t number = 0;
  for (const auto index : parts.attachments) {
    const auto& entity = structure.entities[index];
    Attachment attachment;
    attachment.bytes = entity.is_message ? Bytes(entity.body.of(item.raw)) : decode_transfer(entity.body.of(item.raw), entity.encoding).bytes;
    attachment.name = !entity.filename.empty() ? entity.filename : fmt::format("{}-{}{}", entity.is_message ? "message" : "attachment", ++number, entity.is_message ? ".eml" : "");
    attachment.content_type = entity.media_type;
    attachment.content_id = entity.content_id;
    attachment.is_inline = !entity.content_id.empty() && entity.disposition != "attachment";
    if (attachment.bytes.size() > kAttachmentBytesMax) {
      restored.lost.push_back(fmt::format("the attachment {}: it is larger than 150 MB", attachment.name));
      continue;
    }
    if (auto done = attach(mailbox, restored.item, attachment, stop); !done) return done.error().with_context("attachment " + attachment.name);
  }
  if (composed.needs_original) {
    if (item.raw.size() > kAttachmentBytesMax) restored.lost.emplace_back("the original as an attachment: it is larger than 150 MB");
    else if (auto done = attach(mailbox, restored.item, {"original.eml", "message/rfc822", "", false, Bytes(item.raw)}, stop); !done) return done.error();
  }
  return restored;
}

Result<void> Actions::attach(const SourceMailbox& mailbox, const std::string& item, const Attachment& attachment, std::stop_token stop) {
  const auto url = mailbox_url(service_, mailbox) + "/messages/" + percent_encode(item) + "/attachments";
  json::object facts{{"name", attachment.name}, {"contentType", attachment.content_type}, {"isInline", attachment.is_inline}};
  if (!attachment.content_id.empty()) facts["contentId"] = attachment.content_id;
  if (attachment.bytes.size() <= kInlineBytesMax) {
    facts["@odata.type"] = "#microsoft.graph.fileAttachment";
    facts["contentBytes"] = base64_encode(attachment.bytes);
    auto answer = service_.call({.url = url, .mailbox = mailbox.id, .method = "POST", .body = json::serialize(facts), .once = true}, stop);
    if (!answer) return answer.error();
    return answer->ok() ? Result<void>() : answer->error();
  }
  facts["attachmentType"] = "file";
  facts["size"] = attachment.bytes.size();
  auto session = service_.call({.url = url + "/createUploadSession", .mailbox = mailbox.id, .method = "POST",
                                .body = json::serialize(json::object{{"AttachmentItem", std::move(facts)}})},
                               stop);
  if (!session) return session.error();
  if (!session->ok()) return session->error();
  return service_.upload(text(session->json, "uploadUrl"), attachment.bytes, mailbox.id, stop);
}

}  // namespace kopial::graph
