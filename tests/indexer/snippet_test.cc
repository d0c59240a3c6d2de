#include "indexer/snippet.h"

#include <gtest/gtest.h>

namespace kopial {
namespace {

TEST(Snippet, MarksWhatWasFoundAndEscapesTheRest) {
  const Sought sought{{"rechnung"}, {"zahl"}};
  EXPECT_EQ(make_snippet("Die <b>Rechnung</b> & Zahlung", sought),
            "Die &lt;b&gt;<mark>Rechnung</mark>&lt;/b&gt; &amp; <mark>Zahlung</mark>");
}

TEST(Snippet, ShowsTheBeginningWhenTheTextHoldsNoMatch) {
  EXPECT_EQ(make_snippet("Hello there", Sought{{"absent"}, {}}), "Hello there");
  EXPECT_EQ(make_snippet("", Sought{{"absent"}, {}}), "");
}

TEST(Snippet, BeginsShortlyBeforeALateMatch) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "filler ";
  text += "needle and more";
  const std::string snippet = make_snippet(text, Sought{{"needle"}, {}});
  EXPECT_TRUE(snippet.starts_with("… ")) << snippet;
  EXPECT_NE(snippet.find("<mark>needle</mark> and more"), std::string::npos) << snippet;
  EXPECT_LT(snippet.size(), 300u);
}

TEST(Snippet, NeverCutsACharacter) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "ü";
  const std::string snippet = make_snippet(text, Sought{}, 101);
  std::size_t lead = 0, follow = 0;
  for (const char c : snippet) (static_cast<unsigned char>(c) & 0xC0) == 0x80 ? ++follow : (c == '\xC3' ? ++lead : lead);
  EXPECT_GE(follow, lead);
  EXPECT_EQ(snippet.find('\xC3', snippet.size() - 1), std::string::npos);
}

}  // namespace
}  // namespace kopial
