#include "indexer/snippet.h"

#include <algorithm>

#include "indexer/words.h"

namespace kopial {
namespace {

void escape(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      case '\n':
      case '\r':
      case '\t': out += ' '; break;
      default: out += c;
    }
  }
}

}  // namespace

bool Sought::matches(std::string_view folded) const {
  if (words.contains(folded)) return true;
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return folded.starts_with(prefix); });
}

std::string make_snippet(std::string_view text, const Sought& sought, std::size_t characters) {
  constexpr std::size_t kLead = 60;  // bytes of context before the first match
  std::size_t begin = 0;
  std::size_t lead_start = 0;
  {
    WordReader reader(text);
    std::vector<std::size_t> starts;  // of the words read so far: the snippet begins at one of them
    for (Word word; reader.next(word);) {
      starts.push_back(word.begin);
      if (!sought.matches(word.folded)) continue;
      const auto first = std::lower_bound(starts.begin(), starts.end(), word.begin > kLead ? word.begin - kLead : 0);
      lead_start = first == starts.end() ? word.begin : *first;
      begin = word.begin > kLead ? lead_start : 0;
      break;
    }
  }
  std::string out = begin > 0 ? "… " : "";
  std::size_t shown = begin;
  const std::size_t end = std::min(text.size(), begin + characters);
  WordReader reader(text.substr(begin));
  for (Word word; reader.next(word) && begin + word.end <= end;) {
    if (!sought.matches(word.folded)) continue;
    escape(text.substr(shown, begin + word.begin - shown), out);
    out += "<mark>";
    escape(text.substr(begin + word.begin, word.end - word.begin), out);
    out += "</mark>";
    shown = begin + word.end;
  }
  std::size_t stop = end;
  // Not in the middle of a character, and rather not in the middle of a word.
  while (stop < text.size() && stop > shown && (static_cast<unsigned char>(text[stop]) & 0xC0) == 0x80) --stop;
  if (stop < text.size()) {
    const std::size_t space = text.find_last_of(" \n", stop);
    if (space != std::string_view::npos && space > shown) stop = space;
  }
  escape(text.substr(shown, stop - shown), out);
  if (stop < text.size()) out += " …";
  return out;
}

}  // namespace kopial
