#include "storage/crypto/password.h"

#include <gtest/gtest.h>

namespace kopial {
namespace {

constexpr PasswordCost kCheap{64, 1};

TEST(PasswordTest, KnowsItsPasswordAndNoOther) {
  const std::string long_one(300, 'p');
  for (const std::string& password :
       {std::string("correct horse"), std::string(), std::string("a\0b", 3),
        std::string("sch\xc3\xb6n"), long_one}) {
    const auto hash = hash_password(Secret(password), kCheap);
    ASSERT_TRUE(hash) << hash.error().message;
    EXPECT_TRUE(verify_password(*hash, Secret(password)));
    EXPECT_FALSE(verify_password(*hash, Secret(password + "x")));
    EXPECT_FALSE(verify_password(*hash, Secret(password + '\0')));
    if (!password.empty()) {
      EXPECT_FALSE(verify_password(*hash, Secret(password.substr(0, password.size() - 1))));
    }
    if (password.size() >= 8) {
      EXPECT_EQ(hash->find(password), std::string::npos);
    }
  }
}

TEST(PasswordTest, SaltsEveryHash) {
  const auto first = hash_password(Secret("same"), kCheap).value();
  const auto second = hash_password(Secret("same"), kCheap).value();
  EXPECT_NE(first, second);
  EXPECT_TRUE(verify_password(first, Secret("same")));
  EXPECT_TRUE(verify_password(second, Secret("same")));
}

// Pinned: weakening the default cost must be somebody's decision. OWASP: m=46 MiB, t=1, p=1.
TEST(PasswordTest, CostsWhatOwaspAsksFor) {
  const auto hash = hash_password(Secret("x")).value();
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$")) << hash;
  EXPECT_TRUE(verify_password(hash, Secret("x")));
  EXPECT_EQ(hash.find('\0'), std::string::npos);
}

// Made by the reference implementation (phc-winner-argon2, src/test.c): hashes of other programs
// and versions of ours are read.
TEST(PasswordTest, ReadsTheReferenceHash) {
  const std::string hash =
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  EXPECT_TRUE(verify_password(hash, Secret("password")));
  EXPECT_FALSE(verify_password(hash, Secret("passwore")));
}

TEST(PasswordTest, RefusesHashesThatCannotBeRead) {
  const auto good = hash_password(Secret("p"), kCheap).value();
  for (const std::string& hash :
       {std::string(), std::string("p"), std::string("$argon2id$"), good.substr(0, good.size() - 1),
        good + "A", "x" + good, std::string(good).replace(1, 8, "argon2i")}) {
    EXPECT_FALSE(verify_password(hash, Secret("p"))) << hash;
  }
  EXPECT_TRUE(verify_password(good, Secret("p")))
      << "the table is about the hash, not the password";
}

TEST(PasswordTest, FailsWithAnImpossibleCost) {
  EXPECT_FALSE(hash_password(Secret("p"), PasswordCost{1, 1}));
  EXPECT_FALSE(hash_password(Secret("p"), PasswordCost{64, 0}));
}

}  // namespace
}  // namespace kopial
