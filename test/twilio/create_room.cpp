// POST /v1/Rooms: Twilio's parameters, their ranges and their defaults.
#include "parameters.hpp"
#include "rest.hpp"

namespace sim {

namespace {

const std::vector<Parameter> create_parameters = {
    {.name = "EnableTurn", .kind = Kind::flag},
    {.name = "Type",
     .kind = Kind::choice,
     .code = 53108,
     .choices = {"group", "go", "peer-to-peer", "group-small"}},
    {.name = "UniqueName", .kind = Kind::room_name},
    {.name = "StatusCallback", .kind = Kind::web_url, .code = 53111},
    {.name = "StatusCallbackMethod", .kind = Kind::choice, .code = 53110, .choices = {"GET", "POST"}},
    {.name = "MaxParticipants", .kind = Kind::integer, .code = 53107, .minimum = 1},
    {.name = "RecordParticipantsOnConnect", .kind = Kind::flag},
    {.name = "TranscribeParticipantsOnConnect", .kind = Kind::flag},
    {.name = "VideoCodecs", .kind = Kind::choice, .choices = {"VP8", "H264"}, .repeatable = true},
    {.name = "MediaRegion",
     .kind = Kind::choice,
     .code = 53115,
     .choices = {"au1", "br1", "de1", "gll", "ie1", "in1", "jp1", "sg1", "us1", "us2"}},
    {.name = "RecordingRules", .kind = Kind::json_array, .code = 53120},
    {.name = "TranscriptionsConfiguration", .kind = Kind::json_object},
    {.name = "AudioOnly", .kind = Kind::flag},
    {.name = "MaxParticipantDuration",
     .kind = Kind::integer,
     .code = 53123,
     .minimum = 600,
     .maximum = 86400},
    {.name = "EmptyRoomTimeout", .kind = Kind::integer, .code = 53109, .minimum = 1, .maximum = 60},
    {.name = "UnusedRoomTimeout", .kind = Kind::integer, .code = 53109, .minimum = 1, .maximum = 60},
    {.name = "LargeRoom", .kind = Kind::flag},
};

std::int64_t most_participants(const Room &room)
{
    if (room.type == "go")
        return 2;
    if (room.type == "peer-to-peer")
        return room.audio_only ? 10 : 3;
    return room.type == "group-small" ? 4 : 50;
}

// Twilio: 1 to 20 rules of type include or exclude; "all" is true and stands alone
bool good_recording_rules(const std::string &text)
{
    std::vector<Json> rules = Json::parse(text).value_or(Json()).items();
    bool good = !rules.empty() && rules.size() <= 20;
    for (const Json &rule : rules) {
        std::string type = rule.get("type").text(), kind = rule.get("kind").text();
        good = good && (type == "include" || type == "exclude");
        good = good && (!rule.has("kind") || kind == "audio" || kind == "video");
        good = good && (!rule.has("all") || (rule.get("all").boolean() && rule.keys().size() == 2));
    }
    return good;
}

}  // namespace

Reply Rest::create_room(Call &call, const Settings &settings) const
{
    Given given = check(create_parameters, call.form, settings.strict, call.violations);
    Room room;
    room.type = given.text_or("Type", settings.room_type_default);
    room.unique_name = given.text_or("UniqueName", "");
    room.status_callback = given.text_or("StatusCallback", "");
    room.status_callback_method = given.text_or("StatusCallbackMethod", "POST");
    room.audio_only = given.flag("AudioOnly");
    room.large_room = given.flag("LargeRoom");
    room.record_participants_on_connect = given.flag("RecordParticipantsOnConnect");
    room.media_region = given.text_or("MediaRegion", settings.media_region_default);
    room.max_participant_duration = given.integer_or("MaxParticipantDuration", room.max_participant_duration);
    room.empty_room_timeout = given.integer_or("EmptyRoomTimeout", room.empty_room_timeout);
    room.unused_room_timeout = given.integer_or("UnusedRoomTimeout", room.unused_room_timeout);
    std::int64_t most = most_participants(room);
    room.max_participants =
        given.integer_or("MaxParticipants", std::min(most, settings.max_participants_default));
    if (room.max_participants > most && !settings.clamp_max_participants)
        violate(call, 53107, "MaxParticipants is out of range");
    room.max_participants = std::min(room.max_participants, most);
    if (!room.audio_only)
        room.video_codecs = given.all("VideoCodecs");
    if (!room.audio_only && room.video_codecs.empty())
        room.video_codecs = {"VP8", "H264"};
    if (auto rules = given.text("RecordingRules"); rules && !good_recording_rules(*rules))
        violate(call, 53120, "RecordingRules are invalid");
    return answer(201, world_.create(room), settings, call);
}

}  // namespace sim
