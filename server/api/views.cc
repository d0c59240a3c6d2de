#include "server/api/views.h"

#include <fmt/format.h>

#include <charconv>

#include "server/api/json.h"

namespace kopial {
namespace json = boost::json;
namespace {

template <typename Id>
std::optional<Id> parse_number(std::string_view text) {
  std::underlying_type_t<Id> number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  if (fmt::format("{}", number) != text) return std::nullopt;  // One text for one id: no leading zeros.
  return static_cast<Id>(number);
}

}  // namespace

std::string message_id_text(Serial serial) { return fmt::format("{}", to_number(serial)); }
std::optional<Serial> parse_message_id(std::string_view text) { return parse_number<Serial>(text); }
std::string archive_id_text(ArchiveId archive) { return fmt::format("{}", to_number(archive)); }
std::optional<ArchiveId> parse_archive_id(std::string_view text) { return parse_number<ArchiveId>(text); }

json::object address_view(const MailAddress& address) { return {{"name", address.name}, {"address", address.address}}; }

json::array address_views(const std::vector<MailAddress>& addresses) {
  json::array out;
  for (const auto& address : addresses) out.push_back(address_view(address));
  return out;
}

json::object placement_view(const Placement& placement) {
  return {{"archive", archive_id_text(placement.archive)},
          {"folder", placement.folder},
          {"source_item", placement.source_item},
          {"received", format_rfc3339(placement.received)},
          {"unread", placement.unread},
          {"vanished_at", time_or_null(placement.vanished_at)}};
}

json::object message_line(const MessageRecord& record, const std::vector<Placement>& placements, std::string_view snippet) {
  json::array copies, archives;
  for (const auto& copy : record.copies) copies.push_back(json::string(copy.hex()));
  std::vector<ArchiveId> listed;
  for (const auto& placement : placements) {
    if (std::find(listed.begin(), listed.end(), placement.archive) != listed.end()) continue;
    listed.push_back(placement.archive);
    archives.push_back(json::string(archive_id_text(placement.archive)));
  }
  const auto& summary = record.summary;
  return {{"message_id", message_id_text(record.serial)},
          {"copy_ids", std::move(copies)},
          {"subject", summary.subject},
          {"from", summary.from.empty() ? json::value(nullptr) : json::value(address_view(summary.from.front()))},
          {"to", address_views(summary.to)},
          {"date", time_or_null(summary.date)},
          {"received", placements.empty() ? json::value(nullptr) : json::value(format_rfc3339(placements.front().received))},
          {"size", record.bytes},
          {"has_attachments", summary.attachments > 0},
          {"archives", std::move(archives)},
          {"folder", placements.empty() ? std::string() : placements.front().folder},
          {"snippet", snippet}};
}

std::string content_disposition(std::string_view disposition, std::string_view filename) {
  std::string ascii, encoded;
  for (const char c : filename.substr(0, 255)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\' && c != '/' && c != '%';
    ascii += plain ? c : '_';
    const bool attr_char = std::isalnum(byte) != 0 || std::string_view("!#$&+-.^_`|~").find(c) != std::string_view::npos;
    encoded += attr_char && byte < 0x80 ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return fmt::format("{}; filename=\"{}\"; filename*=UTF-8''{}", disposition, ascii, encoded);
}

}  // namespace kopial
