#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/url.hpp"

namespace videoroom::core {
namespace {

TEST(ApiUrl, GivesTheOrigin)
{
    EXPECT_EQ(check_api_url("https://video.twilio.com"), "https://video.twilio.com");
    EXPECT_EQ(check_api_url("HTTPS://Video.Twilio.com:443/"), "https://video.twilio.com");
    EXPECT_EQ(check_api_url("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    EXPECT_EQ(check_api_url("http://localhost"), "http://localhost");
    EXPECT_EQ(check_api_url("http://[::1]:9/"), "http://[::1]:9");
}

TEST(ApiUrl, RefusesWhatCouldSendTheCredentialsAstray)
{
    for (const char *text : {"",
                             "video.twilio.com",
                             "http://video.twilio.com",
                             "http://127.evil.example",
                             "http://localhost.evil.example",
                             "http://127.0.0.1.evil.example",
                             "http://1127.0.0.1",
                             "https://user:pass@video.twilio.com",
                             "http://localhost@evil.example",
                             "https://video.twilio.com/v1",
                             "https://video.twilio.com/?a=1",
                             "https://video.twilio.com/#a",
                             "https://video.twilio.com?",
                             "https://video.twilio.com:0",
                             "https://video.twilio.com:65536",
                             "https://video.twilio.com:",
                             "https://video.twilio.com\\@evil.example",
                             "https://video.twilio.com\r\nX: y",
                             "https://",
                             "https://[::1",
                             "https://[]",
                             "file:///etc/passwd",
                             "https://@video.twilio.com"})
        EXPECT_THROW(check_api_url(text), InvalidInput) << text;
}

TEST(CallbackUrl, MayBeWhatIsItsOwnNormalForm)
{
    for (const char *text :
         {"https://hooks.example/video", "http://hooks.example:8080/{database}/x?a=b",
          "https://hooks.example/?db={database}#rc=3&rp=4xx,ct&e=sao-paulo", "https://xn--bcher-kva.example/",
          "https://relay_1/a//b/~c.d/", "http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost/",
          "https://hooks.example:80/?b=&a=1", "https://hooks.example/#",
          "https://4.hooks.example/..a/{database}"})
        EXPECT_NO_THROW(check_callback_url(text)) << text;
}

TEST(CallbackUrl, MayBeNothingThatSomebodyWouldWriteAnotherWay)
{
    for (const char *text : {"",
                             "hooks.example",
                             "ftp://hooks.example/",
                             "HTTPS://hooks.example/",
                             "https://Hooks.example/",
                             "https://hooks.example",
                             "https://hooks.example?a=b",
                             "https://user:pass@hooks.example/",
                             "https://hooks.example:443/",
                             "https://hooks.example:/",
                             "https://hooks.example:08443/",
                             "http://192.0.2.1/",
                             "http://127.1/",
                             "http://127.0.0.01/",
                             "http://[2001:db8::1]/",
                             "http://[::01]/",
                             "https://hooks.example./",
                             "https://hooks..example/",
                             "https://hooks.0x7f/",
                             "https://{database}.example/",
                             "https://hooks.example/{db}",
                             "https://hooks.example/{",
                             "https://hooks.example/#{database}",
                             "https://hooks.example/#a#b",
                             "https://hooks.example/#rc=5%2C",
                             "https://hooks.example/a b",
                             "https://hooks.example/\u00E9",
                             "https://hooks.example/%41",
                             "https://hooks.example/a@b",
                             "https://hooks.example/./a",
                             "https://hooks.example/a/..",
                             "https://hooks.example/?",
                             "https://hooks.example/?a",
                             "https://hooks.example/?=a",
                             "https://hooks.example/?a=b=c",
                             "https://hooks.example/?a=1&&b=2",
                             "https://hooks.example/?a=1&a=2",
                             "https://hooks.example/?b=1&1=b",
                             "https://hooks.example/?a=b+c",
                             "https://hooks.example/?a=%20",
                             "https://hooks.example/?a=b?c"})
        EXPECT_THROW(check_callback_url(text), InvalidInput) << text;
}

TEST(CallbackUrl, StaysBelowTwiliosLimitWithEveryNameOfADatabase)
{
    const auto url = [](std::size_t size, const std::string &end) {
        const std::string front = "https://h/";
        return front + std::string(size - front.size() - end.size(), 'a') + end;
    };
    EXPECT_NO_THROW(check_callback_url(url(1023, "#")));
    EXPECT_THROW(check_callback_url(url(1024, "#")), InvalidInput);
    EXPECT_NO_THROW(check_callback_url(url(1023 - 12, "")));
    EXPECT_THROW(check_callback_url(url(1024 - 12, "")), InvalidInput);

    const std::string longest = url(1023 - 12 - 189 + 10, "{database}");
    EXPECT_NO_THROW(check_callback_url(longest));
    EXPECT_EQ(with_retry_policy(expand_callback_url(longest, std::string(63, '%'))).size(), 1023U);
    EXPECT_THROW(check_callback_url(url(longest.size() + 1, "{database}")), InvalidInput);
}

TEST(CallbackUrl, NamesTheDatabase)
{
    EXPECT_EQ(expand_callback_url("https://h/{database}?d={database}", "a/b"), "https://h/a%2Fb?d=a%2Fb");
    EXPECT_EQ(expand_callback_url("https://h/", "a"), "https://h/");
}

TEST(CallbackUrl, AsksForRetriesUnlessItHasAPolicyOfItsOwn)
{
    EXPECT_EQ(with_retry_policy("https://h/cb"), "https://h/cb#rc=5&rp=all");
    EXPECT_EQ(with_retry_policy("https://h/cb#rc=1"), "https://h/cb#rc=1");
    EXPECT_EQ(with_retry_policy("https://h/cb#"), "https://h/cb#");
}

TEST(SameOrigin, ComparesSchemeHostAndPort)
{
    EXPECT_TRUE(same_origin("https://video.twilio.com/v1/Rooms?Page=1", "https://video.twilio.com"));
    EXPECT_TRUE(same_origin("https://VIDEO.twilio.com:443/v1/Rooms", "https://video.twilio.com"));
    for (const char *page :
         {"http://video.twilio.com/v1/Rooms", "https://video.twilio.com:444/", "https://evil.example/",
          "https://video.twilio.com@evil.example/", "https://user@video.twilio.com/", "/v1/Rooms", "",
          "https://video.twilio.com.evil.example/", "https://video.twilio.com\\.evil.example/"})
        EXPECT_FALSE(same_origin(page, "https://video.twilio.com")) << page;
}

}  // namespace
}  // namespace videoroom::core
