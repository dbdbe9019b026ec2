#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace videoroom::core {
namespace {

TEST(Utf8, KnowsWhatIsValid)
{
    for (const char *text :
         {"", "abc", "\xC3\xA9", "\xE6\x9D\xB1", "\xF0\x9F\x98\x80", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF"})
        EXPECT_TRUE(valid_utf8(text)) << text;
    for (const char *text :
         {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
          "\xF5\x80\x80\x80", "\xFF", "\xE6\x9D", "a\xF0\x9F\x98", "\xC3("})
        EXPECT_FALSE(valid_utf8(text));
}

TEST(Utf8, MalformedSequencesAreReplacedOneByOne)
{
    EXPECT_EQ(make_valid_utf8("a\xF0\x9F\x98z", 100), "a\uFFFDz");
    EXPECT_EQ(make_valid_utf8("\xC0\x80", 100), "\uFFFD\uFFFD");
    EXPECT_EQ(make_valid_utf8("\xED\xA0\x80", 100), "\uFFFD\uFFFD\uFFFD");
}

TEST(Utf8, TextOfOthersBecomesFitToBeStored)
{
    EXPECT_EQ(make_valid_utf8(std::string_view("a\0b\r\n\x7F\xC2\x85\xFFz", 10), 100), "ab\uFFFDz");
    EXPECT_EQ(make_valid_utf8("a\u00E9\u00E9", 4), "a\u00E9");
    EXPECT_EQ(make_valid_utf8("\u00E9", 1), "");
    EXPECT_EQ(make_valid_utf8("\xFF", 2), "");
    EXPECT_EQ(make_valid_utf8("abc", 2), "ab");
}

TEST(CheckId, TakesUpTo128BytesOfAnyText)
{
    EXPECT_NO_THROW(check_id("booking_id", "a"));
    EXPECT_NO_THROW(check_id("booking_id", " \u00E9/?#'\"{}"));
    EXPECT_NO_THROW(check_id("booking_id", std::string(128, 'x')));
}

TEST(CheckId, RefusesOthersByName)
{
    for (const std::string &value :
         {std::string(), std::string(129, 'x'), std::string("a\0b", 3), std::string("a\nb"),
          std::string("\x7F"), std::string("\xC2\x80"), std::string("\xC2\x9F"), std::string("\xFF")}) {
        try {
            check_id("booking_id", value);
            ADD_FAILURE() << value;
        } catch (const InvalidInput &error) {
            EXPECT_TRUE(std::string(error.what()).starts_with("booking_id ")) << error.what();
        }
    }
}

}  // namespace
}  // namespace videoroom::core
