#include <gtest/gtest.h>

#include "core/form.hpp"
#include "core/video_api.hpp"

namespace videoroom::core {
namespace {

const std::string room_sid = "RM0123456789abcdef0123456789abcdef";
const std::string participant_sid = "PA0123456789abcdef0123456789abcdef";

// As in the examples of Twilio's OpenAPI description.
const std::string room_json =
    R"({"account_sid":"ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","audio_only":false,)"
    R"("date_created":"2017-04-03T22:21:49Z","date_updated":"2017-04-03T22:21:50Z",)"
    R"("duration":null,"enable_turn":true,"end_time":null,"max_participants":50,)"
    R"("sid":"RM0123456789abcdef0123456789abcdef","status":"in-progress","type":"group",)"
    R"("unique_name":"0af0123456789ABCDEFabcdxy","video_codecs":["VP8"],"links":{}})";
const std::string participant_json =
    R"({"account_sid":"ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","date_created":"2017-07-30T20:00:00Z",)"
    R"("date_updated":null,"duration":0,"end_time":"2017-07-30T20:00:09Z","identity":"Alice",)"
    R"("room_sid":"RM0123456789abcdef0123456789abcdef","sid":"PA0123456789abcdef0123456789abcdef",)"
    R"("start_time":"2017-07-30T20:00:00Z","status":"disconnected","url":"https://video.twilio.com"})";

std::string replaced(std::string text, const std::string &from, const std::string &to)
{
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(CreateRoom, SendsAllThatIsFixedAtCreation)
{
    const Request request = create_room("0afX", RoomOptions(), "");
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/Rooms");
    EXPECT_TRUE(request.write);
    EXPECT_EQ(decode_form(request.body), (Form{{"Type", "group"},
                                               {"UniqueName", "0afX"},
                                               {"MaxParticipants", "50"},
                                               {"MaxParticipantDuration", "86400"},
                                               {"EmptyRoomTimeout", "5"},
                                               {"UnusedRoomTimeout", "60"}}));
}

TEST(CreateRoom, SendsOptionsAndCallback)
{
    RoomOptions options;
    options.media_region = "de1";
    options.video_codecs = {"VP8", "H264"};
    options.audio_only = false;
    const Request request = create_room("0afX", options, "https://h/cb?a=1#rc=5&rp=all");
    EXPECT_TRUE(
        request.body.ends_with("&MediaRegion=de1&AudioOnly=false&VideoCodecs=VP8&VideoCodecs=H264"
                               "&StatusCallback=https%3A%2F%2Fh%2Fcb%3Fa%3D1%23rc%3D5%26rp%3Dall"
                               "&StatusCallbackMethod=POST"))
        << request.body;
}

TEST(CreateRoom, AudioOnlyRoomsHaveNoVideoCodecs)
{
    RoomOptions options;
    options.video_codecs = {"VP8"};
    options.audio_only = true;
    const Request request = create_room("0afX", options, "");
    EXPECT_TRUE(request.body.ends_with("&AudioOnly=true")) << request.body;
}

TEST(Requests, NameTheirResource)
{
    EXPECT_EQ(fetch_room("a/b").path, "/v1/Rooms/a%2Fb");
    EXPECT_EQ(fetch_room("x").method, "GET");
    EXPECT_FALSE(fetch_room("x").write);
    EXPECT_EQ(complete_room(room_sid).path, "/v1/Rooms/" + room_sid);
    EXPECT_EQ(complete_room(room_sid).body, "Status=completed");
    EXPECT_TRUE(complete_room(room_sid).write);
    EXPECT_EQ(list_rooms().path, "/v1/Rooms?Status=in-progress&PageSize=1000");
    EXPECT_EQ(list_participants(room_sid, "connected").path,
              "/v1/Rooms/" + room_sid + "/Participants?Status=connected&PageSize=1000");
    EXPECT_EQ(remove_participant(room_sid, "a b?\u00E9").path,
              "/v1/Rooms/" + room_sid + "/Participants/a%20b%3F%C3%A9");
    EXPECT_EQ(remove_participant(room_sid, "x").body, "Status=disconnected");
    for (const char *who : {"x", "...", "a b", "\u00E9", "100%", "a@b.example"})
        EXPECT_TRUE(fits_path(who)) << who;
    for (const char *who : {".", "..", "/", "a/b", "?", "a?b"})
        EXPECT_FALSE(fits_path(who)) << who;
    EXPECT_EQ(anonymize_participant(room_sid, "PA1").path,
              "/v1/Rooms/" + room_sid + "/Participants/PA1/Anonymize");
    EXPECT_EQ(anonymize_participant(room_sid, "PA1").body, "");
    EXPECT_TRUE(anonymize_participant(room_sid, "PA1").write);
}

TEST(ParseRoom, ReadsWhatTwilioAnswers)
{
    const auto room = parse_room(room_json);
    ASSERT_TRUE(room);
    EXPECT_EQ(room->sid, room_sid);
    EXPECT_EQ(room->unique_name, "0af0123456789ABCDEFabcdxy");
    EXPECT_EQ(room->account_sid, "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    EXPECT_EQ(room->status, "in-progress");
    EXPECT_EQ(room->date_created, parse_iso8601("2017-04-03T22:21:49Z"));
    EXPECT_EQ(room->date_updated, parse_iso8601("2017-04-03T22:21:50Z"));
    EXPECT_EQ(room->end_time, std::nullopt);
    EXPECT_EQ(room->duration, std::nullopt);
}

TEST(ParseRoom, NeedsOnlySidAndStatus)
{
    EXPECT_TRUE(parse_room(R"({"sid":")" + room_sid + R"(","status":"completed","new_field":{"a":[]}})"));
}

TEST(ParseRoom, RefusesWhatTheApiDoesNotDescribe)
{
    for (const std::string &body :
         {std::string(), std::string("[]"), std::string("null"), std::string("<html>"), std::string("{}"),
          replaced(room_json, "\"RM0", "\"PA0"), replaced(room_json, "\"RM0", "\"RM"),
          replaced(room_json, "\"RM0", "\"RMx"), replaced(room_json, "in-progress", "in_progress"),
          replaced(room_json, "\"in-progress\"", "null"),
          replaced(room_json, "\"0af0123456789ABCDEFabcdxy\"", "7"),
          replaced(room_json, "2017-04-03T22:21:49Z", "yesterday"),
          replaced(room_json, "\"2017-04-03T22:21:49Z\"", "1491258109"),
          replaced(room_json, "\"duration\":null", "\"duration\":\"5\""),
          replaced(room_json, "\"duration\":null", "\"duration\":-1"),
          replaced(room_json, "\"duration\":null", "\"duration\":4294967296"),
          replaced(room_json, "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "AC1"), room_json.substr(0, 100),
          room_json + "x"})
        EXPECT_FALSE(parse_room(body)) << body;
}

TEST(ParseParticipant, ReadsWhatTwilioAnswers)
{
    const auto participant = parse_participant(participant_json);
    ASSERT_TRUE(participant);
    EXPECT_EQ(participant->sid, participant_sid);
    EXPECT_EQ(participant->room_sid, room_sid);
    EXPECT_EQ(participant->identity, "Alice");
    EXPECT_EQ(participant->status, "disconnected");
    EXPECT_EQ(participant->start_time, parse_iso8601("2017-07-30T20:00:00Z"));
    EXPECT_EQ(participant->end_time, parse_iso8601("2017-07-30T20:00:09Z"));
    EXPECT_EQ(participant->duration, 0);
    EXPECT_EQ(participant->date_updated, std::nullopt);
    EXPECT_FALSE(parse_participant(room_json));
    EXPECT_FALSE(parse_participant(replaced(participant_json, "disconnected", "gone")));
}

TEST(ParsePages, ReadElementsAndTheNextPage)
{
    const auto rooms =
        parse_rooms(R"({"rooms":[)" + room_json + "," + room_json +
                    R"(],"meta":{"next_page_url":"https://video.twilio.com/v1/Rooms?Page=1"}})");
    ASSERT_TRUE(rooms);
    EXPECT_EQ(rooms->elements.size(), 2U);
    EXPECT_EQ(rooms->next_page_url, "https://video.twilio.com/v1/Rooms?Page=1");
    const auto participants =
        parse_participants(R"({"participants":[)" + participant_json + R"(],"meta":{"next_page_url":null}})");
    ASSERT_TRUE(participants);
    EXPECT_EQ(participants->elements.at(0).identity, "Alice");
    EXPECT_EQ(participants->next_page_url, "");
    EXPECT_TRUE(parse_rooms(R"({"rooms":[],"meta":{}})"));
}

TEST(ParsePages, OneBadElementMakesAllOfItBad)
{
    EXPECT_FALSE(parse_rooms(R"({"rooms":[)" + room_json + "," + participant_json + R"(],"meta":{}})"));
    EXPECT_FALSE(parse_rooms(R"({"rooms":[null],"meta":{}})"));
    EXPECT_FALSE(parse_rooms(R"({"rooms":{},"meta":{}})"));
    EXPECT_FALSE(parse_rooms(R"({"rooms":[]})"));
    EXPECT_FALSE(parse_rooms(R"({"rooms":[],"meta":{"next_page_url":7}})"));
    EXPECT_FALSE(parse_rooms(R"({"participants":[],"meta":{}})"));
    EXPECT_FALSE(parse_rooms(""));
}

TEST(ParseError, ReadsTwiliosOwnKind)
{
    const ApiError error =
        parse_error(400, R"({"code":53113,"message":"Room exists",)"
                         R"("more_info":"https://www.twilio.com/docs/errors/53113","status":400})");
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.code, 53113);
    EXPECT_EQ(error.message, "Room exists");
    EXPECT_EQ(error.more_info, "https://www.twilio.com/docs/errors/53113");
}

TEST(ParseError, ReadsRfc9457)
{
    const ApiError error = parse_error(429, R"({"type":"https://www.twilio.com/docs/api/errors/20429",)"
                                            R"("title":"Too many requests","status":429,"code":20429,)"
                                            R"("detail":"Slow down"})");
    EXPECT_EQ(error.code, 20429);
    EXPECT_EQ(error.message, "Too many requests: Slow down");
    EXPECT_EQ(error.more_info, "https://www.twilio.com/docs/api/errors/20429");
}

TEST(ParseError, TakesWhateverAGatewayWrites)
{
    EXPECT_EQ(parse_error(503, "<html>\r\nbusy\xFF</html>").message, "<html>busy\uFFFD</html>");
    EXPECT_EQ(parse_error(503, "<html>").code, 0);
    EXPECT_EQ(parse_error(502, "").message, "");
    EXPECT_EQ(parse_error(502, "[]").code, 0);
    EXPECT_EQ(parse_error(502, std::string(9999, 'x')).message.size(), 500U);
    EXPECT_EQ(parse_error(400, R"({"code":"53113","message":7})").code, 0);
    EXPECT_EQ(parse_error(400, R"({"code":-1})").code, 0);
    EXPECT_EQ(parse_error(400, R"({"code":99999999999})").code, 0);
}

TEST(Sid, HasTwoLettersAnd32HexDigits)
{
    EXPECT_TRUE(is_sid("RM", room_sid));
    EXPECT_TRUE(is_sid("RM", "RMABCDEFabcdef01234567890123456789"));
    EXPECT_FALSE(is_sid("RM", participant_sid));
    EXPECT_FALSE(is_sid("RM", room_sid + "0"));
    EXPECT_FALSE(is_sid("RM", "rm0123456789abcdef0123456789abcdef"));
}

}  // namespace
}  // namespace videoroom::core
