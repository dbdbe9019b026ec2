#include <gtest/gtest.h>

#include "core/credentials.hpp"
#include "core/error.hpp"

namespace videoroom::core {
namespace {

const std::string account = R"("account_sid": "AC0123456789abcdefABCDEF0123456789")";
const std::string token = R"("auth_token": "topsecret1")";
const std::string key = R"("api_key_sid": "SK0123456789abcdefABCDEF0123456789")";
const std::string secret = R"("api_key_secret": "topsecret2")";

std::string file(const std::string &a, const std::string &b, const std::string &c, const std::string &d)
{
    return "{" + a + ",\n" + b + ",\n" + c + ",\n" + d + "}\n";
}

// The whole of the error, or "none".
std::string refusal(const std::string &json)
{
    try {
        parse_credentials(json);
    } catch (const InvalidInput &error) {
        return std::string(error.what()) + " / " + error.detail() + " / " + error.hint();
    }
    return "none";
}

TEST(Credentials, AreRead)
{
    const Credentials credentials = parse_credentials(file(account, token, key, secret));
    EXPECT_EQ(credentials.account_sid, "AC0123456789abcdefABCDEF0123456789");
    EXPECT_EQ(credentials.auth_token, "topsecret1");
    EXPECT_EQ(credentials.auth_token_secondary, "");
    EXPECT_EQ(credentials.api_key_sid, "SK0123456789abcdefABCDEF0123456789");
    EXPECT_EQ(credentials.api_key_secret, "topsecret2");
    EXPECT_EQ(parse_credentials(file(account, token, key, secret + R"(,"auth_token_secondary":"next")"))
                  .auth_token_secondary,
              "next");
    const Credentials more = parse_credentials(
        file(account, token, key, secret + R"(,"webhook_secret":"a","webhook_secret_secondary":"b")"));
    EXPECT_EQ(more.webhook_secret, "a");
    EXPECT_EQ(more.webhook_secret_secondary, "b");
}

TEST(Credentials, WrongOnesAreRefusedByKeyAndNeverShown)
{
    const std::pair<std::string, const char *> cases[] = {
        {file(R"("account_sid": "SKtopsecret")", token, key, secret), "account_sid"},
        {file(R"("account_sid": "AC0123456789abcdefABCDEF012345678g")", token, key, secret), "account_sid"},
        {file(R"("account_sid": "AC0123456789abcdefABCDEF01234567890")", token, key, secret), "account_sid"},
        {file(account, R"("auth_token": "")", key, secret), "auth_token"},
        {file(account, R"("auth_token": "topsecret\n")", key, secret), "auth_token"},
        {file(account, R"("auth_token": " topsecret")", key, secret), "auth_token"},
        {file(account, R"("auth_token": 12345)", key, secret), "auth_token"},
        {file(account, R"("auth_token": null)", key, secret), "auth_token"},
        {file(account, token, R"("api_key_sid": "AC0123456789abcdefABCDEF0123456789")", secret),
         "api_key_sid"},
        {file(account, token, key, "\"api_key_secret\": \"topsecret\u00E9\""), "api_key_secret"},
        {file(account, token, key, secret + R"(, "auth_token_secondary": "")"), "auth_token_secondary"},
        {file(account, token, key, secret + R"(, "autth_token": "topsecret")"), "autth_token"},
        {file(account, token, key, secret + R"(, "TOPSECRET": "topsecret")"), "unknown key"},
        {"{" + account + "," + token + "," + key + "}", "api_key_secret"},
        {file(account, token, key, secret) + "topsecret", "line"},
        {file(account, token, token, secret), "twice"},
        {"\"topsecret\"", "JSON"},
        {"[]", "no JSON object"},
        {"", "line"},
        {"{topsecret", "line"}};
    for (const auto &[json, named] : cases) {
        const std::string text = refusal(json);
        EXPECT_NE(text.find(named), std::string::npos) << json << ": " << text;
        EXPECT_EQ(text.find("topsecret"), std::string::npos) << text;
        EXPECT_EQ(text.find("TOPSECRET"), std::string::npos) << text;
        EXPECT_EQ(text.find("12345"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace videoroom::core
