// How mail looks in JSON: shared by search, browsing and the message view.
#pragma once

#include <boost/json.hpp>

#include <string>
#include <vector>

#include "server/people/access.h"

namespace kopial {

// The id of a message in the API: opaque to clients, the serial in decimal to us. nullopt when it cannot be one.
std::string message_id_text(Serial serial);
std::optional<Serial> parse_message_id(std::string_view text);
std::string archive_id_text(ArchiveId archive);
std::optional<ArchiveId> parse_archive_id(std::string_view text);

boost::json::object address_view(const MailAddress& address);             // {name, address}
boost::json::array address_views(const std::vector<MailAddress>& addresses);
boost::json::object placement_view(const Placement& placement);

// One line of a result list: search hits and browsing. `placements` are those the caller may see.
boost::json::object message_line(const MessageRecord& record, const std::vector<Placement>& placements, std::string_view snippet);

// Content-Disposition with the name in ASCII and, by RFC 6266 and RFC 8187, in UTF-8.
std::string content_disposition(std::string_view disposition, std::string_view filename);

}  // namespace kopial
