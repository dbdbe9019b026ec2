// What a join finds out about a person and a room before it gives out a link.
#pragma once

#include <optional>
#include <string>

#include "pg/spi.hpp"

namespace videoroom::api {

// A person's place in a room that lets them in now.
struct Seat {
    std::string room_id;                  // the newest successor of the room asked for
    std::optional<std::string> room_sid;  // its session, if it can be joined
    TimestampTz valid_until;              // no token needs to live longer
    bool uncommitted;                     // the room is this very transaction's: nobody else can see it
};

// Goes to the newest successor and applies the rules in their order: 404 unknown, 403 not a participant or
// removed, 404 cancelled or over, 403 not open yet, 503 in a restored copy. Reads the latest state at any
// isolation level, and writes nothing.
Seat find_seat(std::string room_id, const std::string &user_id);

// Twilio refused for good to make the room's session.
bool creation_failed(pg::Spi &spi, const std::string &room_id);

}  // namespace videoroom::api
