#include "storage/recipe.h"

#include <gtest/gtest.h>

#include <random>

#include "storage/blob_coder.h"
#include "storage/crypto/digest.h"
#include "storage/splitter.h"
#include "tests/storage/store_fixture.h"

namespace kopial {
namespace {

struct Kept {
  Recipe recipe;
  std::map<PartKey, Bytes> parts;
  PartSource source() const {
    return [this](const PartKey& key) -> Result<Bytes> {
      const auto found = parts.find(key);
      if (found == parts.end()) return Error{ErrorCode::corrupt, "no such part"};
      return found->second;
    };
  }
};

Kept keep(Split split) {
  Kept kept;
  std::size_t next = 0;
  for (auto& step : split.recipe.steps) {
    if (step.kind == Step::Kind::literal) continue;
    const auto content = split.parts.at(next++).content();
    step.part = sha256(content);
    kept.parts[step.part] = content;
  }
  EXPECT_EQ(next, split.parts.size());
  kept.recipe = std::move(split.recipe);
  return kept;
}

Entity leaf(std::uint64_t offset, std::uint64_t size, TransferEncoding encoding) {
  Entity entity;
  entity.body = {offset, size};
  entity.encoding = encoding;
  return entity;
}

TEST(RecipeTest, ComesBackFromItsBytes) {
  Recipe recipe;
  recipe.literals = "Subject: x\r\n\r\n";
  recipe.steps.push_back({Step::Kind::literal, recipe.literals.size(), {}, {}, {}});
  recipe.steps.push_back({Step::Kind::base64, 5000, sha256("a"), {76, false, true}, {}});
  recipe.steps.push_back({Step::Kind::quoted_printable, 3, sha256("b"), {}, "form"});
  recipe.steps.push_back({Step::Kind::plain, 1 << 20, sha256("c"), {}, {}});
  const auto again = decode_recipe(encode_recipe(recipe));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->literals, recipe.literals);
  ASSERT_EQ(again->steps.size(), recipe.steps.size());
  EXPECT_EQ(again->steps[1], recipe.steps[1]);
  EXPECT_EQ(again->steps[2].quoted_printable, "form");
  EXPECT_EQ(again->steps[3], recipe.steps[3]);
}

TEST(RecipeTest, TakesPartsOutAndPutsThemBack) {
  const Bytes content = noise(10'000);
  const Bytes raw = mail_with_attachment("parts", content) + "epilogue";
  const Structure structure = scan(raw);
  const Kept kept = keep(split(raw, structure));
  ASSERT_EQ(kept.parts.size(), 1u);
  EXPECT_EQ(kept.parts.begin()->second, content) << "base64 is taken off";
  EXPECT_EQ(rebuild(kept.recipe, raw.size(), kept.source()).value(), raw);
  EXPECT_LT(kept.recipe.literals.size(), 1000u);
}

TEST(RecipeTest, KeepsTheFooterOfAListLiteral) {
  const Bytes content = noise(9'000);
  const Bytes raw = "Content-Transfer-Encoding: base64\r\n\r\n" + base64_body(content) + "____\r\nlist footer\r\n";
  const std::size_t header = raw.find("\r\n\r\n") + 4;
  Structure structure;
  structure.entities.push_back(leaf(header, raw.size() - header, TransferEncoding::base64));
  const Kept kept = keep(split(raw, structure));
  ASSERT_EQ(kept.parts.size(), 1u);
  EXPECT_EQ(kept.parts.begin()->second, content);
  EXPECT_NE(kept.recipe.literals.find("list footer"), Bytes::npos);
  EXPECT_EQ(rebuild(kept.recipe, raw.size(), kept.source()).value(), raw);
}

TEST(RecipeTest, CopesWithStructuresThatLie) {
  const Bytes raw = noise(100'000);
  Structure structure;
  structure.entities.push_back(leaf(50'000, 40'000, TransferEncoding::base64));
  structure.entities.push_back(leaf(10'000, 60'000, TransferEncoding::quoted_printable));  // overlaps the first
  structure.entities.push_back(leaf(90'000, 1'000'000, TransferEncoding::identity));       // past the end
  structure.entities.push_back(leaf(0, 5'000, TransferEncoding::identity));
  const Kept kept = keep(split(raw, structure));
  EXPECT_EQ(rebuild(kept.recipe, raw.size(), kept.source()).value(), raw);
}

TEST(RecipeTest, TurnsLongLiteralsIntoParts) {
  const Bytes raw = noise(200'000);
  const Kept kept = keep(split(raw, Structure{}));
  EXPECT_EQ(kept.parts.size(), 1u);
  EXPECT_TRUE(kept.recipe.literals.empty());
  EXPECT_EQ(rebuild(kept.recipe, raw.size(), kept.source()).value(), raw);
  EXPECT_EQ(rebuild(keep(split_whole("")).recipe, 0, kept.source()).value(), "");
}

TEST(RecipeTest, RefusesWhatDoesNotFit) {
  const Bytes raw = mail_with_attachment("parts", noise(10'000));
  Kept kept = keep(split(raw, scan(raw)));
  EXPECT_EQ(rebuild(kept.recipe, raw.size() + 1, kept.source()).error().code, ErrorCode::corrupt);
  EXPECT_EQ(rebuild(kept.recipe, raw.size() - 1, kept.source()).error().code, ErrorCode::corrupt);
  kept.parts.begin()->second += "x";
  EXPECT_EQ(rebuild(kept.recipe, raw.size(), kept.source()).error().code, ErrorCode::corrupt);
}

// No flipped byte of a recipe may crash or read out of bounds.
TEST(RecipeTest, SurvivesBrokenBytes) {
  const Bytes raw = mail_with_attachment("parts", noise(4'000));
  const Kept kept = keep(split(raw, scan(raw)));
  const Bytes good = encode_recipe(kept.recipe);
  std::mt19937 random(42);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes bad = good;
    bad[random() % std::min<std::size_t>(bad.size(), 80)] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    const auto recipe = decode_recipe(bad);
    if (!recipe || !rebuild(*recipe, raw.size(), kept.source())) ++refused;
  }
  EXPECT_GT(refused, 1000);
}

TEST(BlobCoderTest, GivesBackWhatItStored) {
  BlobCoder coder;
  Bytes text;
  while (text.size() < 300'000) text += "The quick brown fox jumps over the lazy dog. ";
  for (const Bytes& plain : {Bytes(), Bytes("x"), text, noise(300'000), noise(1000), text.substr(0, 500) + noise(400'000)}) {
    const Bytes stored = coder.store(BlobKind::part, plain);
    EXPECT_EQ(coder.load(stored, plain.size()).value(), plain);
    EXPECT_LE(stored.size(), plain.size() + 8);
    if (!plain.empty()) {
      EXPECT_FALSE(coder.load(stored, plain.size() - 1));
    }
  }
  EXPECT_LT(coder.store(BlobKind::part, text).size(), text.size() / 20);
}

TEST(BlobCoderTest, ReadsOldBlobsWithTheDictionaryTheyWereMadeWith) {
  Bytes text = "Received: from mail-am6eur05on2071.outbound.protection.example.com by mx.example.org with ESMTPS; ";
  while (text.size() < 2000) text += "X-MS-Exchange-Organization-AuthSource: something or other\r\n";
  const Bytes plain = text.substr(0, 160);
  BlobCoder coder;
  const Bytes none = coder.store(BlobKind::recipe, plain);
  coder.add(std::make_shared<Dictionary>(1, BlobKind::recipe, text));
  const Bytes first = coder.store(BlobKind::recipe, plain);
  coder.add(std::make_shared<Dictionary>(2, BlobKind::recipe, text.substr(0, 1000) + noise(500)));
  const Bytes second = coder.store(BlobKind::recipe, plain);
  EXPECT_LT(first.size(), none.size() / 2);
  EXPECT_NE(first, second);
  for (const auto& stored : {none, first, second}) EXPECT_EQ(coder.load(stored, 1000).value(), plain);
  EXPECT_EQ(BlobCoder().load(first, 1000).error().code, ErrorCode::corrupt);
}

TEST(BlobCoderTest, SurvivesBrokenBytes) {
  BlobCoder coder;
  const Bytes good = coder.store(BlobKind::part, mail("something") + Bytes(3000, 'x'));
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    const auto loaded = coder.load(bad, 10'000);
    if (loaded) {
      EXPECT_LE(loaded->size(), 10'000u);
    }
  }
}

}  // namespace
}  // namespace kopial
