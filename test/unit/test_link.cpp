#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/link.hpp"

namespace videoroom::core {
namespace {

TEST(LinkTemplate, TakesAbsoluteUrlsWithAToken)
{
    for (const char *text :
         {"https://app.example/room/{room_id}#token={token}", "https://app.example/{token}",
          "https://app.example:8443/?r={room_id}&s={room_sid}&t={token}&u={token}",
          "http://localhost:3000/#{token}", "http://127.0.0.1/#{token}", "http://[::1]:1/#{token}"})
        EXPECT_NO_THROW(check_link_template(text)) << text;
}

TEST(LinkTemplate, RefusesAllOthers)
{
    for (const char *text : {"",
                             "/room#{token}",
                             "app.example/{token}",
                             "https://app.example/",
                             "https://app.example/{TOKEN}",
                             "http://app.example/#{token}",
                             "ftp://app.example/{token}",
                             "javascript://app.example/{token}",
                             "https://{token}.example/",
                             "https://app.example/{token}{user_id}",
                             "https://app.example/{token}{",
                             "https://app.example/{token}}",
                             "https://app.example/{{token}}",
                             "https://app.example/ #{token}",
                             "https://user@app.example/{token}",
                             "https:///{token}",
                             "https://app.example:0/{token}",
                             "https://app.example/\n{token}",
                             "https://b\u00FCcher.example/{token}",
                             "https://app.example/{tok{room_id}en}#{token}",
                             "https://app.example/{room_{token}id}"})
        EXPECT_THROW(check_link_template(text), InvalidInput) << text;
}

TEST(LinkTemplate, TokenBeforeTheFragmentIsSeenByServers)
{
    EXPECT_TRUE(token_in_query("https://h/?token={token}"));
    EXPECT_TRUE(token_in_query("https://h/{token}#{token}"));
    EXPECT_FALSE(token_in_query("https://h/{room_id}#token={token}"));
}

TEST(ExpandLink, EncodesEachValueAndExpandsNoneTwice)
{
    EXPECT_EQ(expand_link("https://h/{room_id}/{room_sid}?x={x}#{token}&{token}", "a/b", "{token}", "e.y J"),
              "https://h/a%2Fb/%7Btoken%7D?x={x}#e.y%20J&e.y%20J");
}

}  // namespace
}  // namespace videoroom::core
