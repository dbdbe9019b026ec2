// Twilio's answers become facts, and rows of the outbox go, stay or die: all in one transaction a batch.
#pragma once

#include <string>
#include <vector>

#include "worker/call.hpp"

namespace videoroom::worker {

// What recording a batch of answers left behind.
struct Recorded {
    std::vector<std::string> rooms;  // recorded: whoever waits for them may look again
    std::vector<Call> next;          // calls that follow from the answers
    std::vector<std::string> unmade;  // of these, the ones whose create is done with and made no session
    std::vector<Answered> kept;      // not recorded, since somebody has the room locked, or it failed
};

// Records answers about rooms, each in a savepoint of its own, in the order of the rooms' names. An answer
// whose room is locked waits, so that no client's open transaction can stall the others. `resume_at`: when a
// row that Twilio asked us to hold back may run again.
Recorded record(std::vector<Answered> answers, TimestampTz resume_at);

}  // namespace videoroom::worker
