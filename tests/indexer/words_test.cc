#include "indexer/words.h"

#include <gtest/gtest.h>

namespace kopial {
namespace {

using Words = std::vector<std::string>;

TEST(Words, FoldsCaseAndAccents) {
  EXPECT_EQ(words_of("Müller MÜLLER muller"), (Words{"muller", "muller", "muller"}));
  EXPECT_EQ(words_of("Straße STRASSE"), (Words{"strasse", "strasse"}));
  EXPECT_EQ(words_of("ﬁnance Ⅻ"), (Words{"finance", "xii"}));
  EXPECT_EQ(words_of("ДОКУМЕНТ Документ"), (Words{"документ", "документ"}));
}

TEST(Words, TakesComposedAndDecomposedForTheSame) { EXPECT_EQ(words_of("Cafe\xCC\x81"), words_of("Caf\xC3\xA9")); }

TEST(Words, PartsAtEverythingElse) {
  EXPECT_EQ(words_of("bob@example.org, it's 3.14!"), (Words{"bob", "example", "org", "it", "s", "3", "14"}));
  EXPECT_EQ(words_of(" \t\r\n--- "), Words{});
}

TEST(Words, GivesOneWordACharacterWhereScriptsHaveNoSpaces) {
  EXPECT_EQ(words_of("東京都"), (Words{"東", "京", "都"}));
  EXPECT_EQ(words_of("PDF東京"), (Words{"pdf", "東", "京"}));
}

TEST(Words, SurvivesInvalidUtf8) { EXPECT_EQ(words_of("ab\xFF" "cd\xC3"), (Words{"ab", "cd"})); }

TEST(Words, CutsLongOnesAlikeOnBothSides) {
  const std::string endless(1000, 'x');
  ASSERT_EQ(words_of(endless).size(), 1u);
  EXPECT_EQ(words_of(endless).front(), std::string(kWordBytesMax, 'x'));
}

TEST(Words, TellsWhereTheyStand) {
  const std::string text = "Grüße, Ärzte";
  WordReader reader(text);
  Word word;
  ASSERT_TRUE(reader.next(word));
  EXPECT_EQ(text.substr(word.begin, word.end - word.begin), "Grüße");
  ASSERT_TRUE(reader.next(word));
  EXPECT_EQ(text.substr(word.begin, word.end - word.begin), "Ärzte");
  EXPECT_FALSE(reader.next(word));
}

TEST(Words, FoldsNamesAsAWhole) { EXPECT_EQ(fold_text("Posteingang/Verträge 2024"), "posteingang/vertrage 2024"); }

}  // namespace
}  // namespace kopial
