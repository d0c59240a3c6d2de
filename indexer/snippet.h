// A few lines of a message around what was found, for the result list.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kopial {

// What the query looked for, as folded words.
struct Sought {
  std::set<std::string, std::less<>> words;
  std::vector<std::string> prefixes;
  bool matches(std::string_view folded) const;
};

// HTML: everything escaped, matches between <mark> and </mark>. About `characters` long; begins at the first match, or at the start of the text
// when it holds none.
std::string make_snippet(std::string_view text, const Sought& sought, std::size_t characters = 200);

}  // namespace kopial
