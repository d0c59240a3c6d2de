#include "indexer/query.h"

#include <gtest/gtest.h>

namespace kopial {
namespace {

const Time kNow = *parse_rfc3339("2026-11-24T10:00:00Z");

std::string normal(std::string_view query) {
  const auto tree = parse_query(query, kNow);
  return tree ? to_text(**tree) : "error: " + tree.error().message;
}

TEST(Query, HasANormalForm) {
  struct Case {
    const char *query, *normal;
  };
  for (const Case& c : {Case{"", ""},
                        Case{"  hello   world ", "hello world"},
                        Case{"hello AND world", "hello world"},
                        Case{"a b OR c d", "a b OR c d"},
                        Case{"(a OR b) c", "(a OR b) c"},
                        Case{"a -b", "a NOT b"},
                        Case{"NOT (a b)", "NOT (a b)"},
                        Case{"--a", "a"},
                        Case{"\"two words\"", "\"two words\""},
                        Case{"pre*", "pre*"},
                        Case{"a NEAR/3 b", "a NEAR/3 b"},
                        Case{"a NEAR b", "a NEAR/10 b"},
                        Case{"from:Anna", "from:Anna"},
                        Case{"FROM:anna@example.org", "from:anna@example.org"},
                        Case{"subject:\"annual report\"", "subject:\"annual report\""},
                        Case{"from:(anna OR bob)", "from:anna OR from:bob"},
                        Case{"has:Attachment", "has:attachment"},
                        Case{"folder:\"Sent Items\"", "folder:\"Sent Items\""},
                        Case{"message-id:<a@b>", "message-id:a@b"},
                        Case{"size:>10MB", "size:10000001.."},
                        Case{"size:1KiB..2KiB", "size:1024..2048"},
                        Case{"date:2024-02", "date:2024-02-01T00:00:00Z..2024-02-29T23:59:59.999Z"},
                        Case{"after:2024-01-15", "date:2024-01-15T00:00:00Z.."},
                        Case{"before:2024", "date:..2023-12-31T23:59:59.999Z"},
                        Case{"date:today", "date:2026-11-24T00:00:00Z..2026-11-24T23:59:59.999Z"},
                        Case{"date:7d", "date:2026-11-17T00:00:00Z.."},
                        Case{"what?", "what?"}}) {
    EXPECT_EQ(normal(c.query), c.normal) << c.query;
    EXPECT_EQ(normal(c.normal), c.normal) << "of its own normal form";
  }
}

TEST(Query, NamesTheColumnAndWhatWasExpected) {
  struct Case {
    const char *query, *beginning;
  };
  for (const Case& c : {Case{"a (b", "column 5: expected ')' for the '(' at column 3"},
                        Case{"a) b", "column 2: expected an opening parenthesis"},
                        Case{"()", "column 2: expected a word, a phrase, a field or '('"},
                        Case{"a OR", "column 5: expected a word, a phrase, a field or '('"},
                        Case{"OR a", "column 1: expected a word, a phrase, a field or '('"},
                        Case{"AND a", "column 1: expected a word before AND"},
                        Case{"a AND", "column 6: expected a word after AND"},
                        Case{"NOT", "column 4: expected a word after NOT"},
                        Case{"\"open", "column 6: expected a closing quote for the one at column 1"},
                        Case{"Grüße \"open", "column 12: expected a closing quote for the one at column 7"},
                        Case{"form:anna", "column 1: there is no field 'form:'"},
                        Case{"body:x", "column 1: the field 'body:' is not available in this version"},
                        Case{"from: anna", "column 6: expected a value right after 'from:'"},
                        Case{"size:big", "column 6: expected a size such as"},
                        Case{"size:5MB..1MB", "column 6: expected a range whose first size"},
                        Case{"date:2024-13", "column 6: expected a date such as"},
                        Case{"date:2023-02-29", "column 6: expected a date such as"},
                        Case{"has:horns", "column 5: expected one of attachment"},
                        Case{"*fix", "column 1: expected '*' only at the end"},
                        Case{"wi?ld", "column 3: expected '*' only at the end"},
                        Case{"a*", "column 1: expected at least two letters before '*'"},
                        Case{"\"no* stars\"", "column 4: expected no '*' inside quotes"},
                        Case{"&&", "column 1: expected letters or digits"},
                        Case{"a NEAR/0 b", "column 8: expected a distance"},
                        Case{"a NEAR/3 \"b c\"", "column 3: expected one word of the same field"},
                        Case{"=\"Maße\"", "column 1: exact words"}}) {
    const auto tree = parse_query(c.query, kNow);
    ASSERT_FALSE(tree) << c.query;
    EXPECT_EQ(tree.error().code, ErrorCode::invalid);
    EXPECT_TRUE(tree.error().message.starts_with(c.beginning)) << c.query << " -> " << tree.error().message;
  }
}

TEST(Query, IsBounded) {
  EXPECT_FALSE(parse_query(std::string(100, '(') + "a" + std::string(100, ')'), kNow));
  EXPECT_FALSE(parse_query(std::string(10'000, 'a'), kNow));
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "a ";
  EXPECT_FALSE(parse_query(many, kNow));
  EXPECT_TRUE(parse_query(std::string(4000, '-') + "a", kNow)) << "signs do not recurse";
}

}  // namespace
}  // namespace kopial
