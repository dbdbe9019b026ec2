#include <gtest/gtest.h>

#include "core/time.hpp"

namespace videoroom::core {
namespace {

TEST(Iso8601, TakesWholeSecondsAndFractions)
{
    EXPECT_EQ(parse_iso8601("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_iso8601("2017-04-03T22:21:49Z"), 1491258109 * second);
    EXPECT_EQ(parse_iso8601("2017-08-09T09:18:04.195Z"), 1502270284 * second + 195 * millisecond);
    EXPECT_EQ(parse_iso8601("1970-01-01T00:00:00.1Z"), 100'000);
    EXPECT_EQ(parse_iso8601("1970-01-01T00:00:00.123456789Z"), 123'456);
    EXPECT_EQ(parse_iso8601("2024-02-29T23:59:59Z"), 1709251199 * second);
    EXPECT_EQ(parse_iso8601("1969-12-31T23:59:59.5Z"), -500'000);
}

TEST(Iso8601, RefusesEverythingElse)
{
    for (const char *text : {"",
                             "Z",
                             "2017-04-03",
                             "2017-04-03T22:21:49",
                             "2017-04-03T22:21:49+00:00",
                             "2017-04-03T22:21:49.Z",
                             "2017-04-03T22:21:49.1234567890Z",
                             "2017-04-03T22:21:49,1Z",
                             "2017-04-03 22:21:49Z",
                             "2017-4-3T22:21:49Z",
                             "2017-02-29T00:00:00Z",
                             "2017-13-01T00:00:00Z",
                             "2017-00-01T00:00:00Z",
                             "2017-01-00T00:00:00Z",
                             "2017-01-01T24:00:00Z",
                             "2017-01-01T00:60:00Z",
                             "2017-01-01T00:00:60Z",
                             "0000-01-01T00:00:00Z",
                             " 2017-01-01T00:00:00Z",
                             "2017-01-01T00:00:00Z ",
                             "2017-01-01T00:00:00.1x3Z",
                             "+017-01-01T00:00:00Z"})
        EXPECT_EQ(parse_iso8601(text), std::nullopt) << text;
}

TEST(Iso8601, IsWrittenAsItIsRead)
{
    for (const char *text :
         {"1970-01-01T00:00:00Z", "2017-08-09T09:18:04.195Z", "2017-08-09T09:18:04.000001Z",
          "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.500Z"})
        EXPECT_EQ(format_iso8601(parse_iso8601(text).value()), text);
}

}  // namespace
}  // namespace videoroom::core
