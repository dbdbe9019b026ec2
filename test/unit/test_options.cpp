#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/options.hpp"

namespace videoroom::core {
namespace {

std::string refusal(const std::string &json)
{
    try {
        parse_options(json);
    } catch (const InvalidInput &error) {
        return error.what();
    }
    return "none";
}

TEST(Options, EmptyOnesAreTheDefaults)
{
    const RoomOptions options = parse_options("{}");
    EXPECT_EQ(options, RoomOptions());
    EXPECT_EQ(options_json(options), R"({"empty_room_timeout":5,"max_participant_duration":86400,)"
                                     R"("max_participants":50,"unused_room_timeout":60})");
}

TEST(Options, AllOfThemComeBackAsTheyWere)
{
    const std::string json = R"({"audio_only":false,"empty_room_timeout":60,"max_participant_duration":600,)"
                             R"("max_participants":1,"media_region":"gll","unused_room_timeout":1,)"
                             R"("video_codecs":["H264","VP8"]})";
    EXPECT_EQ(options_json(parse_options(json)), json);
}

TEST(Options, OutOfTwiliosRangeIsRefusedWithTheRange)
{
    EXPECT_EQ(refusal(R"({"max_participants": 51})"),
              "option \"max_participants\" must be an integer from 1 to 50");
    EXPECT_EQ(refusal(R"({"max_participant_duration": 599})"),
              "option \"max_participant_duration\" must be an integer from 600 to 86400 seconds");
    for (const char *json :
         {R"({"max_participants":0})", R"({"max_participants":-1})", R"({"max_participants":"5"})",
          R"({"max_participants":5.0})", R"({"max_participants":null})",
          R"({"max_participant_duration":86401})", R"({"empty_room_timeout":0})",
          R"({"empty_room_timeout":61})", R"({"unused_room_timeout":0})", R"({"unused_room_timeout":61})",
          R"({"media_region":"mars"})", R"({"media_region":""})", R"({"media_region":1})",
          R"({"video_codecs":"VP8"})", R"({"video_codecs":["VP9"]})", R"({"video_codecs":["VP8","VP8"]})",
          R"({"video_codecs":[1]})", R"({"audio_only":"true"})"}) {
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
    EXPECT_EQ(refusal(""), "options must be a JSON object");
    EXPECT_EQ(refusal(R"({"media_region": {"max_participants": 5}})").substr(0, 21),
              "option \"media_region\"");
}

TEST(Options, WhatIsTooMuchForOurLibraryIsRefused)
{
    const std::string deep(3000, '[');
    for (const std::string &json : {std::string(R"({"max_participants": 99999999999999999999})"),
                                    std::string(R"({"max_participants": 1e999})"),
                                    R"({"video_codecs": )" + deep + std::string(deep.size(), ']') + "}"})
        EXPECT_EQ(refusal(json), "options contain a number that is out of range, or are nested too deeply")
            << json;
}

}  // namespace
}  // namespace videoroom::core
