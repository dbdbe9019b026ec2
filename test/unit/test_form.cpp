#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/form.hpp"

namespace videoroom::core {
namespace {

TEST(DecodeForm, KeepsOrderDuplicatesAndEmptyValues)
{
    EXPECT_EQ(decode_form("b=1&a=2&b=&c&=x&&d=e=f&"),
              (Form{{"b", "1"}, {"a", "2"}, {"b", ""}, {"c", ""}, {"", "x"}, {"d", "e=f"}}));
    EXPECT_EQ(decode_form(""), Form{});
    EXPECT_EQ(decode_form("&&"), Form{});
}

TEST(DecodeForm, PlusIsASpaceAndEscapesAreBytes)
{
    EXPECT_EQ(decode_form("a+b=c%20d%2B+%c3%A9&%26=%3D"), (Form{{"a b", "c d+ \u00E9"}, {"&", "="}}));
}

TEST(DecodeForm, RefusesWhatTwilioNeverSends)
{
    for (const std::string &body :
         {std::string("a=%"), std::string("a=%4"), std::string("a=%zz"), std::string("%=1"),
          std::string("a=%00"), std::string("a=\0b", 4), std::string("a=%FF"), std::string("a=%C3&b=%A9"),
          std::string("\xFF=1"), std::string("a=%ED%A0%80")})
        EXPECT_THROW(decode_form(body), InvalidInput) << body;
}

TEST(EncodeForm, ComesBackAsItWas)
{
    const Form form = {{"a b", "c+d&e=f%"}, {"", ""}, {"\u00E9", "\U0001F600\n"}};
    EXPECT_EQ(decode_form(encode_form(form)), form);
}

TEST(UrlEncode, KeepsOnlyTheUnreserved)
{
    EXPECT_EQ(url_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(url_encode(" /?#[]@!$&'()*+,;=%\u00E9"),
              "%20%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25%C3%A9");
}

}  // namespace
}  // namespace videoroom::core
