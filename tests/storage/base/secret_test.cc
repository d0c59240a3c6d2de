#include "storage/base/secret.h"

#include <fmt/ostream.h>
#include <gtest/gtest.h>

#include <type_traits>

namespace kopial {
namespace {

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(SecretTest, HasNoWayIntoALogLine) {
  static_assert(Streamable<std::string>, "the check works");
  static_assert(!Streamable<Secret>);
  static_assert(fmt::is_formattable<std::string>::value, "the check works");
  static_assert(!fmt::is_formattable<Secret>::value);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::is_convertible_v<std::string, Secret>, "becoming a secret is a decision");
  EXPECT_EQ(Secret("open sesame").reveal(), "open sesame");
}

TEST(SecretTest, KeepsItsValueWhenCopiedAndMoved) {
  const std::string longer(100, 's');
  for (const std::string& value :
       {std::string(), std::string("short"), longer, std::string("a\0b", 3)}) {
    Secret first{value};
    EXPECT_EQ(first.empty(), value.empty());
    Secret copy(first);
    Secret moved(std::move(first));
    EXPECT_EQ(copy.reveal(), value);
    EXPECT_EQ(moved.reveal(), value);
    EXPECT_TRUE(first.empty()) << "moved from: nothing must linger";
    Secret assigned("something else that is much longer than what follows");
    assigned = copy;
    EXPECT_EQ(assigned.reveal(), value);
    const Secret& itself = assigned;
    assigned = itself;
    EXPECT_EQ(assigned.reveal(), value);
    Secret taken;
    taken = std::move(assigned);
    EXPECT_EQ(taken.reveal(), value);
    EXPECT_TRUE(assigned.empty());
  }
}

// The bytes are gone from where they lay, short (inside the object) and long (on the heap).
TEST(SecretTest, WipesItselfWhenItIsReplaced) {
  for (const std::size_t size : {std::size_t{10}, std::size_t{200}}) {
    Secret secret{std::string(size, 's')};
    const char* const where = secret.reveal().data();
    secret = Secret();
    // Neither assignment gives the buffer back: wiping is what is looked at, not freed memory.
    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(where[i], '\0') << i;
  }
}

TEST(SecretTest, WipesItselfWhenItDies) {
  alignas(Secret) unsigned char place[sizeof(Secret)];
  auto* const secret = new (place) Secret("0123456789");  // Short enough to lie inside the object.
  const auto* const where = reinterpret_cast<const unsigned char*>(secret->reveal().data());
  ASSERT_TRUE(where >= place && where < place + sizeof place);
  const std::size_t offset = static_cast<std::size_t>(where - place);
  secret->~Secret();
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_EQ(static_cast<volatile unsigned char*>(place)[offset + i], 0) << i;
}

}  // namespace
}  // namespace kopial
