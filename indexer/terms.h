// How the index spells things: prefixes of terms and slots of values. Words of texts are lower case and start without a prefix;
// prefixes are capital letters, so the two can never meet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "indexer/query.h"
#include "storage/base/ids.h"

namespace kopial::terms {

inline constexpr int kFormat = 1;  // Another format is removed and built anew.

// Words with positions, in addition to the same words without a prefix.
inline constexpr std::string_view kSubject = "S", kFrom = "A", kTo = "T", kCc = "C", kBcc = "B", kFilename = "N";

// Facts, without positions.
inline constexpr std::string_view kPartial = "XPpartial", kEncrypted = "XPencrypted", kSigned = "XPsigned", kCalendar = "XPcalendar",
                                  kHasAttachment = "XHattachment", kHasImage = "XHimage", kHasLink = "XHlink";

std::string serial(Serial serial);                                 // Q…: the one document of a message
std::string archive(ArchiveId archive);                            // H…
std::string folder(std::string_view path);                         // G…: in any archive
std::string folder_in(ArchiveId archive, std::string_view path);   // P…: in this one
std::string address(std::string_view field_prefix, std::string_view address);  // the whole address: "XA" + field prefix
std::string domain(std::string_view domain);                       // D…: of any participant
std::string message_id(std::string_view id);                       // M…
std::string attachment_type(std::string_view extension);           // E…
// Of QueryField from, to, cc, bcc, subject, filename; "" for any.
std::string_view prefix_of(QueryField field);

enum Slot : unsigned { kDate = 0, kReceived = 1, kSize = 2, kSerial = 3, kFromDomain = 4 };
// Eight bytes that sort as the number does.
std::string slot_value(std::int64_t number);
std::int64_t slot_number(std::string_view value);

// Never over Xapian's limit, never with a NUL: long ones end in a digest.
std::string bounded(std::string_view prefix, std::string_view value);

}  // namespace kopial::terms
