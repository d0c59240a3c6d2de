#include "indexer/html_text.h"

#include <gtest/gtest.h>

namespace kopial {
namespace {

std::string text_of(std::string_view html) {
  bool cut = false;
  return html_to_text(html, 1 << 20, cut);
}

TEST(HtmlText, ReadsWhatAPersonReads) {
  struct Case {
    const char *html, *text;
  };
  for (const Case& c : {Case{"<p>One</p><p>Two</p>", "One\nTwo\n"},
                        Case{"a<br>b", "a\nb"},
                        Case{"<b>bo</b>ld", "bold"},
                        Case{"<td>left</td><td>right</td>", "left right"},
                        Case{"Fish &amp; chips &#8364;5 &#x41;&nbsp;&uuml;", "Fish & chips €5 A ü"},
                        Case{"AT&T &unknown; a&b", "AT&T &unknown; a&b"},
                        Case{"1 < 2 and 3 > 2", "1 < 2 and 3 > 2"},
                        Case{"<style>p{color:red}</style>seen<script>alert('unseen')</script>", "seen"},
                        Case{"<SCRIPT>x</SCRIPT >y", "y"},
                        Case{"<!-- hidden -->shown<!-- open", "shown open"},
                        Case{"<a title=\"a > b\" href='x'>link</a>", "link"},
                        Case{"<img alt=\"never closed>text", ""},
                        Case{"  many \n\n spaces  ", "many spaces"}}) {
    EXPECT_EQ(text_of(c.html), c.text) << c.html;
  }
}

TEST(HtmlText, DoesNotRecurse) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<div>";
  EXPECT_EQ(text_of(deep + "bottom"), "bottom");
}

TEST(HtmlText, StopsAtItsLimitAndSaysSo) {
  bool cut = false;
  EXPECT_LE(html_to_text(std::string(5000, 'x') + " " + std::string(5000, 'y'), 6000, cut).size(), 6000u);
  EXPECT_TRUE(cut);
}

}  // namespace
}  // namespace kopial
