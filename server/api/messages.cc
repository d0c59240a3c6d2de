// Reading one message: its view, its exact bytes, its parts; and what lies in quarantine.
//
// Every look at mail outside the caller's own archives is an audit event before the answer leaves.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "server/api/api.h"
#include "server/api/html_sanitizer.h"
#include "server/api/json.h"
#include "server/api/views.h"
#include "server/http/byte_range.h"
#include "server/people/audit.h"
#include "server/services.h"
#include "storage/base/encoding.h"
#include "storage/mail/transfer.h"

namespace kopial {
namespace json = boost::json;
namespace {

constexpr std::size_t kTextBytesMax = 4 << 20;          // of a body shown in the browser
constexpr std::size_t kInlineImageBytesMax = 2 << 20;   // of one image shown inside a body
constexpr std::size_t kInlineBytesMax = 16 << 20;       // of all of them

// A message the caller may read, with one of its copies. `raw` is its outline: the bodies of large leaves are not in it.
struct Opened {
  MessageRecord record;
  MessageAccess access;
  CopyId copy;
  std::shared_ptr<const CopyReader> reader;
  const Bytes& raw;
  const Structure& structure;
};

Error no_message() { return {ErrorCode::not_found, "there is no such message that you may read"}; }

Result<void> audit(const ApiCall& call, const MessageAccess& access, std::string action, std::string object) {
  if (access.in_own) return {};
  return append_audit(call.tenant(),
                      {call.services.clock.now(), call.caller.user_id, call.caller.username, std::move(action), std::move(object),
                       call.request.parameter("purpose").value_or(""), call.request.remote_address, call.request.request_id, access.reason});
}

// Checks the right, finds the record; the copy is `copy`, or the first when it is null.
Result<Opened> open_message(const ApiCall& call, std::string_view action, const CopyId* copy = nullptr) {
  const auto serial = parse_message_id(call.captures.front());
  if (!serial) return no_message();
  auto access = check_message(call.caller, *serial);
  if (!access) return access.error().code == ErrorCode::not_found ? no_message() : access.error();
  auto record = call.tenant().store().message(*serial);
  if (!record) return record.error();
  if (!*record) return no_message();
  const auto& copies = (*record)->copies;
  if (copy != nullptr && std::find(copies.begin(), copies.end(), *copy) == copies.end()) {
    return Error{ErrorCode::not_found, "this message has no such copy"};
  }
  const CopyId wanted = copy != nullptr ? *copy : copies.front();
  if (auto kept = audit(call, *access, std::string(action), call.captures.front() + " " + wanted.hex()); !kept) return kept.error();
  auto opened = call.tenant().store().open_copy(wanted);
  if (!opened) return opened.error();
  if (!*opened) return Error{ErrorCode::corrupt, "the bytes of copy " + wanted.hex() + " are missing"};
  const std::shared_ptr<const CopyReader> reader = *std::move(opened);
  return Opened{std::move(**record), std::move(*access), wanted, reader, reader->outline(), reader->structure()};
}

http::Response fail(const ApiCall& call, const Error& error) { return http::problem(error, call.request.request_id); }

http::Response bytes_answer(std::string body, std::string media_type, std::string disposition) {
  http::Response response;
  response.headers = {{"content-type", std::move(media_type)},
                      {"content-disposition", std::move(disposition)},
                      // Whatever it claims to be, a browser shall not run it in our origin.
                      {"content-security-policy", "default-src 'none'; sandbox"}};
  response.body = std::move(body);
  return response;
}

// A download in pieces, of the range the request asks for. `open(offset, size)` begins the stream.
template <typename Open>
http::Response streamed_answer(const ApiCall& call, std::uint64_t total, const std::string& etag, std::string media_type, std::string disposition,
                               const Open& open) {
  const auto range = http::requested_range(call.request, total, etag);
  auto response = http::ranged_response(range, total, etag, call.request.request_id);
  if (!range) return response;
  auto stream = open(range->offset, range->size);
  if (!stream) return fail(call, stream.error());
  auto headers = bytes_answer("", std::move(media_type), std::move(disposition)).headers;
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  // The tenant is held, so that its store stays open until the last piece has left.
  response.stream = [tenant = call.caller.tenant, stream = std::shared_ptr<ByteStream>(*std::move(stream)),
                     request_id = call.request.request_id, ended = false](std::stop_token stop) mutable -> std::optional<std::string> {
    if (ended || stop.stop_requested()) return std::nullopt;
    auto piece = stream->next();
    if (!piece) {  // The client sees an answer that is shorter than announced: the connection ends here.
      spdlog::error("a download ended early: {} {}", piece.error().message, request_id);
      ended = true;
      return std::nullopt;
    }
    if (piece->empty()) return std::nullopt;
    return *std::move(piece);
  };
  return response;
}

json::array names_of(std::uint32_t defects) {
  json::array out;
  for (const auto& name : defect_names(defects)) out.push_back(json::string(name));
  return out;
}

std::string attachment_name(const Entity& entity, std::size_t number) {
  if (!entity.filename.empty()) return entity.filename;
  return (entity.is_message ? "message-" : "attachment-") + std::to_string(number) + (entity.is_message ? ".eml" : "");
}

Result<json::array> attachments_of(const Opened& opened, const Parts& parts) {
  json::array out;
  for (std::size_t n = 0; n < parts.attachments.size(); ++n) {
    const auto& entity = opened.structure.entities[parts.attachments[n]];
    const auto size = opened.reader->content_size(parts.attachments[n]);
    if (!size) return size.error();
    out.push_back({{"n", n},
                   {"filename", attachment_name(entity, n)},
                   {"media_type", entity.media_type},
                   {"size", *size},
                   {"content_id", entity.content_id},
                   {"inline", entity.disposition == "inline" || !entity.content_id.empty()}});
  }
  return out;
}

// A text body too large for the outline: its beginning.
std::string text_of_large(const Opened& opened, std::size_t leaf, std::size_t bytes_max, std::uint32_t& defects) {
  auto stream = opened.reader->content(leaf, 0, bytes_max);
  Bytes content;
  while (stream) {
    auto piece = (*stream)->next();
    if (!piece || piece->empty()) break;
    content += *piece;
  }
  Entity decoded = opened.structure.entities[leaf];
  decoded.body = {0, content.size()};
  decoded.encoding = TransferEncoding::identity;
  return leaf_text(content, decoded, bytes_max, defects);
}

std::string text_of(const Opened& opened, const std::vector<std::size_t>& leaves, std::uint32_t& defects) {
  std::string text;
  for (const auto leaf : leaves) {
    if (!text.empty()) text += "\n\n";
    const auto room = kTextBytesMax - std::min(kTextBytesMax, text.size());
    text += opened.reader->is_whole(leaf) ? leaf_text(opened.raw, opened.structure.entities[leaf], room, defects)
                                          : text_of_large(opened, leaf, room, defects);
  }
  return text;
}

http::Response view(const ApiCall& call) {
  auto opened = open_message(call, "message.view");
  if (!opened) return fail(call, opened.error());
  const auto& record = opened->record;
  const auto& summary = record.summary;
  const auto parts = classify(opened->structure);
  auto copies = json::array();
  for (const auto& copy : record.copies) copies.push_back(json::string(copy.hex()));
  json::array headers, placements;
  for (auto& [name, value] : header_values(opened->raw, opened->structure.entities.front())) {
    headers.push_back({{"name", make_valid_utf8(name)}, {"value", value}});
  }
  for (const auto& placement : opened->access.placements) placements.push_back(placement_view(placement));
  json::object out = message_line(record, opened->access.placements, "");
  out.erase("snippet");
  out["from"] = address_views(summary.from);
  out["sender"] = address_views(summary.sender);
  out["reply_to"] = address_views(summary.reply_to);
  out["cc"] = address_views(summary.cc);
  out["bcc"] = address_views(summary.bcc);
  out["rfc822_message_id"] = summary.message_id;
  out["in_reply_to"] = summary.in_reply_to;
  out["archived_at"] = format_rfc3339(record.archived_at);
  out["has_text"] = !parts.text.empty();
  out["has_html"] = !parts.html.empty();
  auto attachments = attachments_of(*opened, parts);
  if (!attachments) return fail(call, attachments.error());
  out["attachments"] = *std::move(attachments);
  out["headers"] = std::move(headers);
  out["placements"] = std::move(placements);
  out["defects"] = names_of(summary.defects | opened->structure.defects);
  return json_answer(200, out);
}

http::Response text(const ApiCall& call) {
  auto opened = open_message(call, "message.text");
  if (!opened) return fail(call, opened.error());
  std::uint32_t defects = 0;
  auto body = text_of(*opened, classify(opened->structure).text, defects);
  return bytes_answer(std::move(body), "text/plain; charset=utf-8", "inline");
}

// A data: URL for the image part with that Content-ID, so that the frame needs no network.
std::optional<std::string> inline_image(const Opened& opened, const std::string& content_id, std::size_t& budget) {
  const auto& entities = opened.structure.entities;
  for (std::size_t i = 0; i < entities.size(); ++i) {
    const auto& entity = entities[i];
    if (!entity.is_leaf() || entity.content_id != content_id || !opened.reader->is_whole(i)) continue;
    if (!entity.media_type.starts_with("image/") || entity.media_type.starts_with("image/svg")) return std::nullopt;
    const auto image = decode_transfer(entity.body.of(opened.raw), entity.encoding);
    if (image.bytes.size() > kInlineImageBytesMax || image.bytes.size() > budget) return std::nullopt;
    budget -= image.bytes.size();
    return "data:" + entity.media_type + ";base64," + base64_encode(image.bytes);
  }
  return std::nullopt;
}

http::Response html(const ApiCall& call) {
  auto opened = open_message(call, "message.html");
  if (!opened) return fail(call, opened.error());
  std::uint32_t defects = 0;
  const auto source = text_of(*opened, classify(opened->structure).html, defects);
  std::size_t budget = kInlineBytesMax;
  const auto clean = sanitize_html(source, [&](const std::string& id) { return inline_image(*opened, id, budget); });
  auto response = bytes_answer(clean.html, "text/html; charset=utf-8", "inline");
  response.headers.back().second = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox";
  response.headers.emplace_back("x-kopial-blocked-remote", std::to_string(clean.blocked_remote));
  return response;
}

http::Response attachment(const ApiCall& call) {
  auto opened = open_message(call, "message.attachment");
  if (!opened) return fail(call, opened.error());
  const auto parts = classify(opened->structure);
  std::size_t n = 0;
  const auto& wanted = call.captures.at(1);
  const bool is_number = !wanted.empty() && wanted.size() <= 6 && wanted.find_first_not_of("0123456789") == std::string::npos;
  if (is_number) n = std::stoul(wanted);
  if (!is_number || n >= parts.attachments.size()) {
    return fail(call, {ErrorCode::not_found, "this message has " + std::to_string(parts.attachments.size()) + " attachments, counted from 0"});
  }
  const auto& entity = opened->structure.entities[parts.attachments[n]];
  const auto leaf = parts.attachments[n];
  const auto size = opened->reader->content_size(leaf);
  if (!size) return fail(call, size.error());
  // Types a browser would render are sent as plain bytes: this is a download.
  const bool harmless = entity.media_type.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789/.+-_") == std::string::npos &&
                        entity.media_type.find("html") == std::string::npos && entity.media_type.find("xml") == std::string::npos &&
                        entity.media_type.find("script") == std::string::npos && entity.media_type.find("svg") == std::string::npos;
  return streamed_answer(call, *size, '"' + opened->copy.hex() + '-' + std::to_string(n) + '"', harmless ? entity.media_type : "application/octet-stream",
                         content_disposition("attachment", attachment_name(entity, n)),
                         [&](std::uint64_t offset, std::uint64_t bytes) { return opened->reader->content(leaf, offset, bytes); });
}

http::Response raw(const ApiCall& call) {
  const auto copy = Digest::from_hex(call.captures.at(1));
  if (!copy) return fail(call, {ErrorCode::not_found, "a copy's id is the SHA-256 of its bytes in 64 hex digits"});
  auto opened = open_message(call, "message.raw", &*copy);
  if (!opened) return fail(call, opened.error());
  return streamed_answer(call, opened->reader->size(), '"' + copy->hex() + '"', "message/rfc822",
                         content_disposition("attachment", copy->hex() + ".eml"),
                         [&](std::uint64_t offset, std::uint64_t bytes) { return opened->reader->raw(offset, bytes); });
}

http::Response history(const ApiCall& call) {
  const auto serial = parse_message_id(call.captures.front());
  if (!serial) return fail(call, no_message());
  auto access = check_message(call.caller, *serial);
  if (!access) return fail(call, access.error());
  if (auto kept = audit(call, *access, "message.history", call.captures.front()); !kept) return fail(call, kept.error());
  json::array items;
  for (const auto& placement : access->placements) items.push_back(placement_view(placement));
  return collection(std::move(items), "");
}

json::object quarantine_view(const TenantStore::QuarantineEntry& entry) {
  return {{"id", entry.id},
          {"at", format_rfc3339(entry.at)},
          {"archive", archive_id_text(entry.item.archive)},
          {"mailbox", entry.item.mailbox},
          {"item", entry.item.item},
          {"folder", entry.item.folder},
          {"reason", entry.item.reason},
          {"size", entry.bytes}};
}

http::Response quarantine(const ApiCall& call) {
  const auto page = page_request(call.request);
  if (!page) return fail(call, page.error());
  auto entries = call.tenant().store().quarantine(page->after, page->limit);
  if (!entries) return fail(call, entries.error());
  json::array items;
  for (const auto& entry : *entries) items.push_back(quarantine_view(entry));
  return collection(std::move(items), entries->size() == page->limit ? entries->back().id : "");
}

}  // namespace

void add_message_routes(Api& api) {
  const std::string message = "/api/v1/tenants/{t}/messages/{m}";
  api.add({"GET", message, Need::reader, view});
  api.add({"GET", message + "/text", Need::reader, text});
  api.add({"GET", message + "/html", Need::reader, html});
  api.add({"GET", message + "/history", Need::reader, history});
  api.add({"GET", message + "/attachments/{n}", Need::reader, attachment});
  api.add({"GET", message + "/copies/{c}/raw", Need::reader, raw});
  api.add({"GET", "/api/v1/tenants/{t}/quarantine", Need::administrator, quarantine});
}

}  // namespace kopial
