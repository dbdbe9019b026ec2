#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/options.hpp"

namespace videoroom::core {
namespace {

std::string refusal(const std::string &json)
{
    try {
        parse_options(json, nullptr);
    } catch (const InvalidInput &error) {
        return error.what();
    }
    return "none";
}

TEST(Options, EmptyOnesAreTheDefaults)
{
    std::string metadata;
    const RoomOptions options = parse_options("{}", &metadata);
    EXPECT_EQ(options, RoomOptions());
    EXPECT_EQ(metadata, "{}");
    EXPECT_EQ(options_json(options), R"({"empty_room_timeout":5,"max_participant_duration":86400,)"
                                     R"("max_participants":50,"unused_room_timeout":60})");
}

TEST(Options, AllOfThemComeBackAsTheyWere)
{
    const std::string json = R"({"audio_only":false,"empty_room_timeout":60,"max_participant_duration":600,)"
                             R"("max_participants":1,"media_region":"gll","unused_room_timeout":1,)"
                             R"("video_codecs":["H264","VP8"]})";
    EXPECT_EQ(options_json(parse_options(json, nullptr)), json);
}

TEST(Options, OutOfTwiliosRangeIsRefusedWithTheRange)
{
    EXPECT_EQ(refusal(R"({"max_participants": 51})"),
              "option \"max_participants\" must be an integer from 1 to 50");
    EXPECT_EQ(refusal(R"({"max_participant_duration": 599})"),
              "option \"max_participant_duration\" must be an integer from 600 to 86400 seconds");
    for (const char *json : {R"({"max_participants":0})",    R"({"max_participants":-1})",
                             R"({"max_participants":"5"})",  R"({"max_participants":5.0})",
                             R"({"max_participants":null})", R"({"max_participant_duration":86401})",
                             R"({"empty_room_timeout":0})",  R"({"empty_room_timeout":61})",
                             R"({"unused_room_timeout":0})", R"({"unused_room_timeout":61})",
                             R"({"media_region":"mars"})",   R"({"media_region":""})",
                             R"({"media_region":1})",        R"({"video_codecs":"VP8"})",
                             R"({"video_codecs":["VP9"]})",  R"({"video_codecs":["VP8","VP8"]})",
                             R"({"video_codecs":[1]})",      R"({"audio_only":"true"})",
                             R"({"metadata":[]})",           R"({"metadata":"x"})",
                             R"({"metadata":null})"}) {
        const std::string name = std::string(json).substr(2, std::string(json).find('"', 2) - 2);
        EXPECT_TRUE(refusal(json).starts_with("option \"" + name + "\" must be "))
            << json << ": " << refusal(json);
    }
}

TEST(Options, WhatIsNoObjectOrUnknownIsRefused)
{
    EXPECT_EQ(refusal(R"({"maxParticipants": 5})"), "unknown option \"maxParticipants\"");
    EXPECT_EQ(refusal("[]"), "options must be a JSON object");
    EXPECT_EQ(refusal("7"), "options must be a JSON object");
    EXPECT_NE(refusal(R"({"max_participants": 99999999999999999999})"), "none");
    EXPECT_NE(refusal(R"({"max_participants": 5, "max_participants": 6})"), "none");
    EXPECT_NE(refusal(R"({"metadata": {}, "metadata": {}})"), "none");
    EXPECT_NE(refusal(""), "none");
}

TEST(Options, MetadataIsKeptByteForByte)
{
    const std::string inner =
        R"({"n": 123456789012345678901234567890.10, "metadata": {"}\"": [1e999, "\\"]}})";
    std::string metadata;
    const RoomOptions options = parse_options(
        R"({"media_region": "us1", "metadata" : )" + inner + R"(, "max_participants": 2})", &metadata);
    EXPECT_EQ(metadata, inner);
    EXPECT_EQ(options.max_participants, 2);
    EXPECT_EQ(options.media_region, "us1");
}

TEST(Options, MetadataIsAKeyOnlyOnTheOutside)
{
    EXPECT_EQ(refusal(R"({"x": {"metadata": {}}})"), "unknown option \"x\"");
    EXPECT_EQ(refusal(R"({"media_region": "metadata"})").substr(0, 21), "option \"media_region\"");
}

TEST(Options, MetadataOfMoreThan16KilobytesIsRefused)
{
    const std::string largest = "{\"a\":\"" + std::string(16384 - 8, 'x') + "\"}";
    EXPECT_EQ(refusal("{\"metadata\":" + largest + "}"), "none");
    EXPECT_EQ(refusal("{\"metadata\":" + largest.substr(0, 7) + "x" + largest.substr(7) + "}"),
              "option \"metadata\" must be at most 16 kB");
    const auto nested = [](int depth) {
        std::string brackets(static_cast<std::size_t>(depth - 1), '[');
        return "{\"metadata\":{\"a\":" + brackets + std::string(brackets.size(), ']') + "}}";
    };
    EXPECT_EQ(refusal(nested(2048)), "none");
    EXPECT_EQ(refusal(nested(2049)), "option \"metadata\" must be valid JSON, nested at most 2048 deep");
}

TEST(Options, MalformedMetadataIsRefused)
{
    for (const char *json : {"{\"metadata\":{", "{\"metadata\":{\"", "{\"metadata\":{\"\\", "{\"metadata\"",
                             "{\"metadata\":", "{\"metadata", "{\"metadata\":{}", "{\"metadata\":{]}",
                             "{\"metadata\":{\"a\":1 2}}", "{\"metadata\":{\"a\" 1}}"})
        EXPECT_NE(refusal(json), "none") << json;
}

}  // namespace
}  // namespace videoroom::core
