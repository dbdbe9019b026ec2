// What the simulated Twilio remembers of a room and of the people in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "form.hpp"
#include "time.hpp"

namespace sim {

struct Participant {
    std::string sid, room_sid, identity;
    std::string status = "connected";
    Time created_at = 0, updated_at = 0;
    std::optional<Time> ended_at;
    std::optional<Time> lost_until;        // the client has gone; Twilio finds out then
    std::optional<Time> token_expires_at;  // when it came with a token

    bool connected() const { return !ended_at; }
};

/// One line of a room's history, for the ledger.
struct HistoryEntry {
    Time at;
    std::string what;             // room-created, participant-connected, ...
    std::string participant_sid;  // empty for the room's own
    std::string why;              // unused, empty, rest, duplicate-identity, ...
};

struct Room {
    // as created
    std::string sid, unique_name, type, status_callback, media_region;
    std::string status_callback_method = "POST";
    std::vector<std::string> video_codecs;
    std::int64_t max_participants = 0, max_participant_duration = 14400;
    std::int64_t empty_room_timeout = 5, unused_room_timeout = 5;
    bool audio_only = false, large_room = false, record_participants_on_connect = false;
    bool ad_hoc = false;

    // as it stands
    std::string status = "in-progress";
    Time created_at = 0, updated_at = 0;
    std::optional<Time> ended_at;
    std::size_t ordinal = 0;  // rooms in the order of their birth

    bool in_progress() const { return !ended_at; }
};

/// A status callback that Twilio owes somebody.
struct Notice {
    std::string room_sid, room_name, url, method, event;
    Form params;
};

}  // namespace sim
