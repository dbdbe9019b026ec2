// What one answer of Twilio's means for its room and for its row of the outbox.
#pragma once

#include <vector>

#include "pg/spi.hpp"
#include "worker/call.hpp"

namespace videoroom::worker {

// What recording one answer brought.
struct Effect {
    bool unmade = false;  // the create it answers is done with and made no session
    bool died = false;    // its row is given up
    std::vector<Call> follow_ups;
};

// Records an answer about a room that the transaction holds, and settles the room. `closed`: the room is;
// `resume_at` as for record().
Effect record_answer(pg::Spi &spi, const Answered &answered, bool closed, TimestampTz resume_at);

}  // namespace videoroom::worker
