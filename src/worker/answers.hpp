// Twilio's answers become facts, and rows of the outbox go, stay or die: all in one transaction a batch.
#pragma once

#include <string>
#include <vector>

#include "worker/call.hpp"

namespace videoroom::worker {

// What recording a batch of answers brought.
struct Recorded {
    std::vector<std::string> rooms;   // recorded: whoever waits for them may look again
    std::vector<std::string> unmade;  // of these, the ones whose create is done with and made no session
    std::size_t dead = 0;             // rows given up
    std::vector<Call> follow_ups;
};

// Records those of the answers whose time has come, at most a batch of them, each in a savepoint of its own
// and in the order of the rooms' names, and takes them out of `answers`. One whose room is locked stays, so
// that no client's open transaction can stall the others; so do all when the transaction fails. `resume_at`:
// when a row that Twilio asked us to hold back may run again.
Recorded record_answers(std::vector<Answered> &answers, TimestampTz resume_at);

}  // namespace videoroom::worker
