// What a join finds out about a person and a room before it gives out a link.
#pragma once

#include <optional>
#include <string>

#include "api/seat_facts.hpp"

namespace videoroom::api {

// A person's place in a room that lets them in now.
struct Seat {
    std::string room_id;                  // the newest successor of the room asked for
    std::optional<std::string> room_sid;  // its session, if it can be joined
    TimestampTz valid_until;              // no token needs to live longer
    SeatFacts facts;
};

// The facts about the newest successor of the room, whose name room_id becomes.
SeatFacts read_newest_facts(std::string &room_id, const std::string &user_id);

// Goes to the newest successor and applies the rules of admission, before them 404 unknown. Reads the latest
// state at any isolation level, and writes nothing.
Seat find_seat(std::string room_id, const std::string &user_id);

}  // namespace videoroom::api
