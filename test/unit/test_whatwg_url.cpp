#include <gtest/gtest.h>

#include "core/ip_address.hpp"
#include "core/legacy_query.hpp"
#include "core/whatwg_url.hpp"

namespace videoroom::core {
namespace {

TEST(NormaliseUrl, WritesWhatJavaScriptsUrlClassWrites)
{
    const std::pair<const char *, const char *> cases[] = {
        {"https://h", "https://h/"},
        {"HTTPS://User:Pa ss@EXAMPLE.com:443/A/../b c?x='#f", "https://User:Pa%20ss@example.com/b%20c?x=%27"},
        {"http:\\\\h\\a\\..\\b", "http://h/b"},
        {"https:h/a/%2E%2e/..", "https://h/"},
        {"https://h/a/b/.", "https://h/a/b/"},
        {"https://h//a//", "https://h//a//"},
        {"https://ex%61mple.com./?", "https://example.com./?"},
        {"http://0x7f.1:0080", "http://127.0.0.1/"},
        {"http://[::FFFF:1.2.3.4]:1/", "http://[::ffff:102:304]:1/"},
        {" \thttps://h/a\nb ", "https://h/ab"},
        {"https://h/\"<>`{}?\"<>`{}|", "https://h/%22%3C%3E%60%7B%7D?%22%3C%3E`{}|"},
        {"https://:@h/%zz%", "https://h/%zz%"}};
    for (const auto &[url, normal] : cases)
        EXPECT_EQ(normalise_url(url), normal) << url;
}

TEST(NormaliseUrl, GivesNothingWhereTheClassThrows)
{
    for (const char *url : {"", "h/a", "https://", "https://:80/", "https://h:65536/", "https://h:1x/",
                            "https://[::1/", "https://[1:2]/", "https://256.1.1.1/", "https://1.2.3.4.5/",
                            "https://a b/", "https://a|b/", "https://user@/", "ftp://h/", "mailto:x"})
        EXPECT_EQ(normalise_url(url), std::nullopt) << url;
}

TEST(NormaliseUrl, LeavesInternationalHostsAlone)
{
    EXPECT_EQ(normalise_url("https://b\u00FCcher.example/"), std::nullopt);
}

TEST(IpAddress, LongestRunOfZeroesIsLeftOut)
{
    EXPECT_EQ(normal_ipv6("0:0:1:0:0:0:1:1"), "0:0:1::1:1");
    EXPECT_EQ(normal_ipv6("1:0:0:2:3:0:0:4"), "1::2:3:0:0:4");
    EXPECT_EQ(normal_ipv6("1:2:3:0:5:6:7:8"), "1:2:3:0:5:6:7:8");
    EXPECT_EQ(normal_ipv6("::"), "::");
    EXPECT_EQ(normal_ipv6("1::"), "1::");
    EXPECT_EQ(normal_ipv6("1:2"), std::nullopt);
}

TEST(IpAddress, NumbersMakeAnIpv4Address)
{
    EXPECT_EQ(normal_ipv4("4294967295"), "255.255.255.255");
    EXPECT_EQ(normal_ipv4("017.0x1.256"), "15.1.1.0");
    EXPECT_EQ(normal_ipv4("4294967296"), std::nullopt);
    EXPECT_EQ(normal_ipv4("08"), std::nullopt);
    EXPECT_EQ(normal_ipv4("1..2"), std::nullopt);
    EXPECT_TRUE(ends_in_number("foo.0x"));
    EXPECT_FALSE(ends_in_number("4.foo"));
}

TEST(LegacyQuery, IsTakenApartAndWrittenAgainAsNodeDoes)
{
    EXPECT_EQ(with_legacy_query("https://h/?b=1&10=x&a=/&b=2&9=y&&c"),
              "https://h/?9=y&10=x&b=1&b=2&a=%2F&c=");
    EXPECT_EQ(with_legacy_query("https://h/?=&a=%zz+%41!'()*~"), "https://h/?=&a=%25zz%20A!'()*~");
    EXPECT_EQ(with_legacy_query("https://h/?"), "https://h/?");
    EXPECT_EQ(with_legacy_query("https://h/"), "https://h/");
}

TEST(LegacyQuery, ReadsNoMoreThanAThousandPairs)
{
    std::string url = "https://h/?";
    for (int i = 0; i < 1001; ++i)
        url += (i == 0 ? "a=" : "&a=") + std::to_string(i);
    const std::string written = with_legacy_query(url);
    EXPECT_TRUE(written.ends_with("&a=999"));
}

}  // namespace
}  // namespace videoroom::core
