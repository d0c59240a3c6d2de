// The query language of CONTRACT section 4: text to tree, and back to normal form.
//
// A query that does not parse is an error that names the column and what was expected; nothing is ever silently ignored.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace kopial {

enum class QueryField : std::uint8_t {
  any, from, to, cc, bcc, participants, subject, body, filename, type, has, message_id, domain, folder, archive, size, date, received, archived, is,
};

struct QueryNode {
  enum class Kind : std::uint8_t { all, word, phrase, prefix, near, range, flag, conjunction, disjunction, negation };
  Kind kind = Kind::all;
  QueryField field = QueryField::any;
  bool exact = false;                 // ="..."
  std::uint32_t distance = 0;         // NEAR/n
  std::string text;                   // word, prefix, phrase, flag value, archive or folder name
  std::optional<std::int64_t> low, high;  // range: bytes, or milliseconds since 1970; both inclusive
  std::vector<std::unique_ptr<QueryNode>> children;
  std::uint32_t column = 1;           // where it began
};

struct QueryLimits {
  std::size_t bytes_max = 8192;
  std::size_t nodes_max = 1000;
  std::size_t depth_max = 50;
};

// The empty query matches everything. Fails with invalid: "column 7: expected ...".
Result<std::unique_ptr<QueryNode>> parse_query(std::string_view text, Time now, const QueryLimits& limits = {});
// Normal form: parsing it gives the same tree.
std::string to_text(const QueryNode& node);

}  // namespace kopial
