#include "indexer/terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "indexer/words.h"
#include "storage/base/encoding.h"
#include "storage/crypto/digest.h"

namespace kopial::terms {
namespace {

constexpr std::size_t kValueBytesMax = 180;

}  // namespace

std::string bounded(std::string_view prefix, std::string_view value) {
  std::string term(prefix);
  if (value.size() > kValueBytesMax || value.find('\0') != std::string_view::npos) {
    term += sha256(value).hex();
    return term;
  }
  term += value;
  return term;
}

std::string serial(Serial serial) { return fmt::format("Q{}", to_number(serial)); }
std::string archive(ArchiveId archive) { return fmt::format("H{}", to_number(archive)); }
std::string folder(std::string_view path) { return bounded("G", fold_text(path)); }
std::string folder_in(ArchiveId archive, std::string_view path) {
  return bounded(fmt::format("P{}:", to_number(archive)), fold_text(path));
}
std::string address(std::string_view field_prefix, std::string_view address) {
  return bounded(fmt::format("XA{}:", field_prefix), fold_text(address));
}
std::string domain(std::string_view domain) { return bounded("D", fold_text(domain)); }
std::string message_id(std::string_view id) { return bounded("M", id); }
std::string attachment_type(std::string_view extension) { return bounded("E", fold_text(extension)); }

std::string_view prefix_of(QueryField field) {
  switch (field) {
    case QueryField::from: return kFrom;
    case QueryField::to: return kTo;
    case QueryField::cc: return kCc;
    case QueryField::bcc: return kBcc;
    case QueryField::subject: return kSubject;
    case QueryField::filename: return kFilename;
    default: return "";
  }
}

std::string slot_value(std::int64_t number) {
  // The sign bit turned over: negative numbers sort before positive ones.
  return Encoder().fixed64(static_cast<std::uint64_t>(number) ^ (std::uint64_t{1} << 63)).take();
}

std::int64_t slot_number(std::string_view value) {
  return static_cast<std::int64_t>(Decoder(value).fixed64() ^ (std::uint64_t{1} << 63));
}

}  // namespace kopial::terms
