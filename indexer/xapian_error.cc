#include "indexer/xapian_error.h"

#include <fmt/format.h>

#include <string>

namespace kopial {

Error translate(const Xapian::Error& error, std::string_view doing) {
  const std::string type = error.get_type();
  ErrorCode code = ErrorCode::internal;
  if (type == "DatabaseCorruptError" || type == "DatabaseVersionError" || type == "DatabaseNotFoundError") {
    code = ErrorCode::corrupt;
  } else if (type == "DatabaseModifiedError") {
    code = ErrorCode::unavailable;
  } else if (type == "DatabaseLockError") {
    code = ErrorCode::conflict;
  } else if (type == "WildcardError") {
    code = ErrorCode::invalid;
  } else if (type.starts_with("Database")) {
    code = std::string_view(error.get_error_string() == nullptr ? "" : error.get_error_string()).find("No space left") != std::string_view::npos
               ? ErrorCode::disk_full
               : ErrorCode::unavailable;
  }
  return {code, fmt::format("{}: {}{}{}", doing, error.get_msg(), error.get_error_string() != nullptr ? ": " : "",
                            error.get_error_string() != nullptr ? error.get_error_string() : "")};
}

}  // namespace kopial
