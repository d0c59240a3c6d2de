// The two marks every store carries: which format it has, and that a key is its key.
//
// Family "default":
//   "format"    -> u8 version, varint format number
//   "key check" -> a known text, sealed under a key derived from the store's key
#pragma once

#include <string_view>

#include "storage/base/secret.h"
#include "storage/database.h"

namespace kopial {

// Writes the marks into an empty store, else compares them. Fails with invalid for a newer format and for another key.
Result<void> check_format(Database& database, std::uint64_t format, const Secret& key, std::string_view what);

}  // namespace kopial
