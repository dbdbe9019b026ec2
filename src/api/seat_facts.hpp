// What the tables say about a person and a room, as a join needs it.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::api {

// The room's newest session, if it ever had one. A moment that nobody reported is DT_NOBEGIN.
struct SessionFacts {
    const char *room_sid = nullptr;
    bool ended = false;
    TimestampTz started_at = DT_NOBEGIN;
    TimestampTz seen_alive_at = DT_NOBEGIN;
    bool visited = false;   // somebody was ever connected,
    bool occupied = false;  // or is now
    TimestampTz last_left = DT_NOBEGIN;
};

// Plain data: its texts belong to the memory context that was current.
struct SeatFacts {
    bool known = false;               // all below holds only then,
    const char *successor = nullptr;  // and only where there is none
    bool ours = false;                // made, changed or locked by this very transaction
    bool cancelled = false;
    bool over = false;  // ended on purpose, or closed
    TimestampTz opens_at = 0;
    TimestampTz closes_at = 0;
    TimestampTz completes_at = 0;
    int empty_minutes = 0;   // Twilio ends a session so long after the last one left,
    int unused_minutes = 0;  // or after it was made, where nobody came
    bool invited = false;
    bool removed = false;
    SessionFacts session;
};

// Reads the latest state at any isolation level, and writes nothing.
SeatFacts read_seat_facts(const char *room_id, const char *user_id);

}  // namespace videoroom::api
