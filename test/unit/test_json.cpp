#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/json.hpp"

namespace videoroom::core {
namespace {

TEST(Json, IsWrittenInTheOrderInWhichItWasSet)
{
    Json value = Json::object();
    value.set("b", std::int64_t{9007199254740993});
    value.set("a", "\u00E9\"\\/");
    value.set("c", "x");
    value.set("b", 1);
    EXPECT_EQ(value.dump(), "{\"b\":1,\"a\":\"\u00E9\\\"\\\\/\",\"c\":\"x\"}");
    EXPECT_EQ(Json::object().dump(), "{}");
}

TEST(Json, MembersAreReadByType)
{
    const Json value = Json::parse(R"({"s":"x","i":7,"r":7.0,"t":true,"n":null,"l":[1,"a"],"o":{"k":1}})");
    EXPECT_EQ(value.string("s"), "x");
    EXPECT_EQ(value.integer("i"), 7);
    EXPECT_EQ(value.integer("r"), std::nullopt);
    EXPECT_EQ(value.integer("s"), std::nullopt);
    EXPECT_EQ(value.string("i"), std::nullopt);
    EXPECT_EQ(value.get("t")->as_boolean(), true);
    EXPECT_EQ(value.get("i")->as_boolean(), std::nullopt);
    EXPECT_TRUE(value.get("n")->is_null());
    EXPECT_FALSE(value.get("absent"));
    EXPECT_EQ(value.get("l")->items().size(), 2U);
    EXPECT_EQ(value.get("l")->items()[1].as_string(), "a");
    EXPECT_EQ(value.get("o")->integer("k"), 1);
    EXPECT_EQ(value.keys(), (std::vector<std::string>{"s", "i", "r", "t", "n", "l", "o"}));
    EXPECT_TRUE(value.items().empty());
    EXPECT_TRUE(value.get("l")->keys().empty());
}

TEST(Json, MemberOutlivesItsObject)
{
    std::optional<Json> member;
    {
        member = Json::parse(R"({"o":{"k":"v"}})").get("o");
    }
    EXPECT_EQ(member->string("k"), "v");
}

TEST(Json, BadTextIsRefusedWithoutBeingShown)
{
    for (const char *text :
         {"", "{", "{\"secret\"", "secret", "{\"a\":1}secret", "{\"secret\":1,\"secret\":2}",
          "{\"a\":\"\\u0000\"}", "{\"a\":\"\xFF\"}", "{'a':1}", "[1,]", "7", "{\"a\":1e999}"}) {
        EXPECT_FALSE(Json::try_parse(text)) << text;
        try {
            Json::parse(text);
            ADD_FAILURE() << text;
        } catch (const InvalidInput &error) {
            EXPECT_EQ((error.what() + error.detail() + error.hint()).find("secret"), std::string::npos);
            EXPECT_NE(error.detail().find("line 1"), std::string::npos) << error.detail();
        }
    }
}

TEST(Json, DeepNestingIsRefusedNotFatal)
{
    EXPECT_FALSE(Json::try_parse(std::string(1'000'000, '[')));
}

TEST(Json, TextThatIsNoUtf8CannotBeSet)
{
    Json value = Json::object();
    EXPECT_THROW(value.set("a", "\xFF"), InvalidInput);
    EXPECT_THROW(value.set("\xFF", "a"), InvalidInput);
    EXPECT_THROW(value.set("a", std::string_view("\0", 1)), InvalidInput);
    EXPECT_THROW(value.set(std::string_view("a\0b", 3), "x"), InvalidInput);
    EXPECT_EQ(value.dump(), "{}");
}

}  // namespace
}  // namespace videoroom::core
