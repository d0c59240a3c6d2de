// The public test vectors (Wycheproof), read in place; see vectors/README.md of the shared folder.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "storage/base/encoding.h"
#include "storage/base/files.h"
#include "tests/support/support.h"

namespace kopial {

// nullopt when there is no shared folder; a file that is missing in it, or is no JSON, fails the
// test.
inline std::optional<boost::json::object> vectors(const std::string& name) {
  const auto shared = shared_folder();
  if (!shared) return std::nullopt;
  const auto text = read_file(*shared / "vectors" / name, 16 << 20);
  EXPECT_TRUE(text) << text.error().message;
  return boost::json::parse(text ? *text : "{}").as_object();
}

inline Bytes hex_field(const boost::json::object& test, std::string_view name) {
  const auto& text = test.at(name).as_string();
  return hex_decode(std::string_view(text.data(), text.size())).value();
}

}  // namespace kopial

#define KOPIAL_SKIP_WITHOUT(found) \
  if (!(found)) GTEST_SKIP() << "SKIPPED: no shared folder with test vectors; set KOPIAL_SHARED"
