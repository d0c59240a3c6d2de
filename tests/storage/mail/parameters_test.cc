#include "storage/mail/parameters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "storage/mail/message_view.h"

namespace kopial {
namespace {

class ParametersTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { initialise_mail(); }
};

TEST_F(ParametersTest, ReadsValuesAndParameters) {
  struct Case {
    Bytes raw;
    std::string value, name, parameter;
  };
  const Case kTable[] = {
      {" text/plain; charset=utf-8", "text/plain", "charset", "utf-8"},
      {" TEXT/Plain ; CharSet = \"utf-8\"", "text/plain", "charset", "utf-8"},
      {" text/plain;\r\n\tcharset=utf-8; format=flowed", "text/plain", "format", "flowed"},
      {" text/plain (a comment; x=y); charset=(another (nested)) utf-8", "text/plain", "charset",
       "utf-8"},
      {" application/pdf; name=\"a;b\\\"c\\\\d.pdf\"", "application/pdf", "name", "a;b\"c\\d.pdf"},
      {" application/pdf; name=my file.pdf ; x=y", "application/pdf", "name", "my file.pdf"},
      {" application/pdf; name=\"=?utf-8?Q?caf=C3=A9.pdf?=\"", "application/pdf", "name",
       "café.pdf"},
      {" application/pdf; name=caf\xe9.pdf", "application/pdf", "name", "café.pdf"},
      {" attachment; filename*=utf-8''caf%C3%A9.pdf", "attachment", "filename", "café.pdf"},
      {" attachment; filename*=iso-8859-1'de'caf%E9.pdf", "attachment", "filename", "café.pdf"},
      {" attachment; filename*0=\"very \"; filename*1=long; filename*2=.pdf", "attachment",
       "filename", "very long.pdf"},
      {" attachment; filename*1*=%C3%A9; filename*0*=utf-8''caf; filename*2=.pdf", "attachment",
       "filename", "café.pdf"},
      {" attachment; filename=old.pdf; filename*=utf-8''new.pdf", "attachment", "filename",
       "new.pdf"},
      {" attachment; filename=first.pdf; filename=second.pdf", "attachment", "filename",
       "first.pdf"},
      {" attachment; filename*=x-none''caf%E9", "attachment", "filename", "café"},
      {" attachment; filename*=utf-8''100%", "attachment", "filename", "100%"},
      {" attachment; filename=\"open", "attachment", "filename", "open"},
      {" attachment; filename*=utf-8''a%0D%0ABcc:%20x", "attachment", "filename", "a  Bcc: x"},
      {" multipart/mixed; boundary=\"a  b=?c\"", "multipart/mixed", "boundary", "a  b=?c"},
      {" ; x=y", "", "x", "y"},
  };
  for (const auto& test : kTable) {
    const auto parsed = parse_parameters(test.raw);
    EXPECT_EQ(parsed.value, test.value) << test.raw;
    const auto* found = parsed.find(test.name);
    ASSERT_NE(found, nullptr) << test.raw;
    EXPECT_EQ(*found, test.parameter) << test.raw;
  }
}

TEST_F(ParametersTest, ReadsWhatItCan) {
  for (const std::string_view raw : {"", " ", ";", ";;;;", "=", "; =", "; =x", "(", "((((",
                                     "text/plain; charset", "text/plain charset=x"}) {
    const auto parsed = parse_parameters(raw);
    EXPECT_EQ(parsed.find("charset"), nullptr) << raw;
    EXPECT_EQ(parsed.find(""), nullptr) << raw;
  }
  EXPECT_EQ(parse_parameters("text/plain; charset").value, "text/plain");
}

TEST_F(ParametersTest, BoundsTheirNumber) {
  Bytes raw = "text/plain";
  for (int i = 0; i < 10'000; ++i) raw += fmt::format("; p{}=v", i);
  EXPECT_EQ(parse_parameters(raw).parameters.size(), 100u);
  Bytes pieces = "attachment";
  for (int i = 0; i < 10'000; ++i) pieces += fmt::format("; filename*{}=x", i);
  EXPECT_LE(parse_parameters(pieces).find("filename")->size(), 100u);
  EXPECT_NE(parse_parameters("a/b; f*99999999999999999999=x").find("f"), nullptr)
      << "a number that would overflow";
}

}  // namespace
}  // namespace kopial
