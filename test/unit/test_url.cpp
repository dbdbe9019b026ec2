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

TEST(CallbackUrl, TakesAnyWebAddress)
{
    for (const char *text : {"https://hooks.example/video", "http://hooks.example:8080/{database}/x?a=b",
                             "https://hooks.example/?db={database}#rc=3", "https://hooks.example"})
        EXPECT_NO_THROW(check_callback_url(text)) << text;
}

TEST(CallbackUrl, RefusesAllOthers)
{
    for (const char *text :
         {"", "hooks.example", "ftp://hooks.example/", "https://user:pass@hooks.example/",
          "https://{database}.example/", "https://hooks.example/{db}", "https://hooks.example/{",
          "https://hooks.example/#{database}", "https://hooks.example/a b", "https://hooks.example/\u00E9"})
        EXPECT_THROW(check_callback_url(text), InvalidInput) << text;
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
