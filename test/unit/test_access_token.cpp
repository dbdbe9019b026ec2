#include <gtest/gtest.h>

#include "core/access_token.hpp"

namespace videoroom::core {
namespace {

// Tokens of Twilio's official library for Node (twilio 6.2.0).
struct Vector {
    const char *identity;
    const char *room;
    const char *secret;
    std::int64_t issued_at;
    std::int64_t expires_at;
    const char *token;
};

constexpr Vector vectors[] = {
    {"alice", "RM0123456789abcdef0123456789abcdef", "secret", 1700000000, 1700003600,
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImN0eSI6InR3aWxpby1mcGE7dj0xIn0.eyJqdGkiOiJTSzAwMDAwMD"
     "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyLTE3MDAwMDAwMDAiLCJncmFudHMiOnsiaWRlbnRpdHkiOiJhbGljZSIs"
     "InZpZGVvIjp7InJvb20iOiJSTTAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIn19LCJpYXQiOjE3MDAwMD"
     "AwMDAsImV4cCI6MTcwMDAwMzYwMCwiaXNzIjoiU0swMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMiIsInN1"
     "YiI6IkFDMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDEifQ.g9Osa-eMgVkdTyPvGZtQKmgvSWF2uCawr3V"
     "ChvIYYo4"},
    {"Zo\303\253 \"quoted\" \\ back/slash", "RMABCDEF6789abcdef0123456789abcdef", "k", 1500000123, 1500086523,
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImN0eSI6InR3aWxpby1mcGE7dj0xIn0.eyJqdGkiOiJTSzAwMDAwMD"
     "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyLTE1MDAwMDAxMjMiLCJncmFudHMiOnsiaWRlbnRpdHkiOiJab8OrIFwi"
     "cXVvdGVkXCIgXFwgYmFjay9zbGFzaCIsInZpZGVvIjp7InJvb20iOiJSTUFCQ0RFRjY3ODlhYmNkZWYwMTIzNDU2Nz"
     "g5YWJjZGVmIn19LCJpYXQiOjE1MDAwMDAxMjMsImV4cCI6MTUwMDA4NjUyMywiaXNzIjoiU0swMDAwMDAwMDAwMDAw"
     "MDAwMDAwMDAwMDAwMDAwMDAwMiIsInN1YiI6IkFDMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDEifQ.oid"
     "qprlupmgcjvf_kYnLYJglVXYvaHB7sKo8zAcuFjg"},
    {"\346\235\261\344\272\254 \360\237\230\200", "RM0123456789abcdef0123456789abcdef",
     "0123456789012345678901234567890123456789012345678901234567890123456789", 1, 61,
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImN0eSI6InR3aWxpby1mcGE7dj0xIn0.eyJqdGkiOiJTSzAwMDAwMD"
     "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyLTEiLCJncmFudHMiOnsiaWRlbnRpdHkiOiLmnbHkuqwg8J-YgCIsInZp"
     "ZGVvIjp7InJvb20iOiJSTTAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIn19LCJpYXQiOjEsImV4cCI6Nj"
     "EsImlzcyI6IlNLMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDIiLCJzdWIiOiJBQzAwMDAwMDAwMDAwMDAw"
     "MDAwMDAwMDAwMDAwMDAwMDAxIn0.8db1Pg8tto3a2e9VYiYHxY4e098aI6eaSkom99_aWrg"},
    {"<b>&\342\200\250", "", "s/+=", 1999999999, 2000000000,
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImN0eSI6InR3aWxpby1mcGE7dj0xIn0.eyJqdGkiOiJTSzAwMDAwMD"
     "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyLTE5OTk5OTk5OTkiLCJncmFudHMiOnsiaWRlbnRpdHkiOiI8Yj4m4oCo"
     "IiwidmlkZW8iOnt9fSwiaWF0IjoxOTk5OTk5OTk5LCJleHAiOjIwMDAwMDAwMDAsImlzcyI6IlNLMDAwMDAwMDAwMD"
     "AwMDAwMDAwMDAwMDAwMDAwMDAwMDIiLCJzdWIiOiJBQzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAxIn0."
     "F78VSXl5HwH6yfQ2bbrjuoK19cHbqgDSK0KcgHCeaA8"},
};

AccessToken token_of(const Vector &vector)
{
    AccessToken token;
    token.account_sid = "AC00000000000000000000000000000001";
    token.api_key_sid = "SK00000000000000000000000000000002";
    token.api_key_secret = vector.secret;
    token.identity = vector.identity;
    token.room = vector.room;
    token.issued_at = vector.issued_at * second + 999'999;
    token.expires_at = vector.expires_at * second;
    return token;
}

TEST(AccessToken, IsByteForByteThatOfTwiliosLibrary)
{
    for (const Vector &vector : vectors)
        EXPECT_EQ(encode(token_of(vector)), vector.token) << vector.identity;
}

TEST(AccessToken, NonceMakesItDifferentWithinOneSecond)
{
    AccessToken token = token_of(vectors[0]);
    token.nonce = "1";
    const std::string first = encode(token);
    token.nonce = "2";
    EXPECT_NE(encode(token), first);
    EXPECT_NE(first, vectors[0].token);
}

}  // namespace
}  // namespace videoroom::core
