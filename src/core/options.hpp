#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace videoroom::core {

// How Twilio is to make the room. Nothing of it can be changed once the room is made (Rooms resource).
struct RoomOptions {
    int max_participants = 50;
    std::string media_region;               // empty: what the account's console says
    std::vector<std::string> video_codecs;  // empty: Twilio's choice
    std::optional<bool> audio_only;
    int max_participant_duration = 86400;  // seconds; ours is the end of the booking, so Twilio's maximum
    int empty_room_timeout = 5;            // minutes
    int unused_room_timeout = 60;          // minutes

    bool operator==(const RoomOptions &) const = default;
};

// The JSON object a scheduler gave, without its metadata, which Twilio is never told. An unknown key, a wrong
// type or a value out of Twilio's range is InvalidInput naming key and range.
RoomOptions parse_options(std::string_view json);

// All options that have a value, keys sorted; parse_options gives the same back.
std::string options_json(const RoomOptions &options);

}  // namespace videoroom::core
