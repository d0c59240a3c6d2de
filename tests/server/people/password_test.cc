// Which passwords are taken.
#include <gtest/gtest.h>

#include "server/people/users.h"

namespace kopial {
namespace {

TEST(Password, IsJudgedByWhatIsGuessedFirst) {
  struct Row {
    const char* password;
    bool taken;
  };
  const Row rows[] = {{"correct horse battery staple", true},
                      {"unter den Linden um halb acht", true},
                      {"anna has a long password", true},
                      {"zR4!zR4!pQ9#vT", true},
                      {"\xe8\xaf\xb7\xe8\xae\xb0\xe4\xbd\x8f\xe8\xbf\x99\xe4\xb8\xaa\xe9\x95\xbf\xe5\x8f\xa3\xe4\xbb\xa4\xe5\x90\xa7\xe8\xb0\xa2\xe8\xb0\xa2\xe4\xbd\xa0", true},
                      {"short", false},
                      {"elevenchars", false},
                      {"passwordpassword", false},
                      {"Password1234!", false},
                      {"aaaaaaaaaaaaaaaa", false},
                      {"abababababababab", false},
                      {"abcdefghijklmnop", false},
                      {"123456789012345", false},
                      {"987654321098765", false},
                      {"qwertyuiop123", false},
                      {"Willkommen2026", false},
                      {"anna.berganna.berg", false},
                      {"kopialkopial2026", false}};
  for (const auto& row : rows) EXPECT_EQ(check_password(Secret(row.password), "anna.berg@contoso.test").ok(), row.taken) << row.password;
  EXPECT_TRUE(check_password(Secret(std::string(900, 'x') + "and something else"), "anna").ok());
  EXPECT_FALSE(check_password(Secret(std::string(1001, 'x') + "and something else"), "anna").ok());
}

}  // namespace
}  // namespace kopial
