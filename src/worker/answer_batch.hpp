// What Twilio's answers mean for their rooms and for their rows of the outbox.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pg/spi.hpp"
#include "worker/call.hpp"
#include "worker/facts.hpp"

namespace videoroom::worker {

// What recording brought.
struct Effects {
    std::vector<std::pair<std::string, std::string>> made;  // rooms, and the sessions that they now have
    std::vector<std::string> unmade;  // rooms whose create is done with and made no session
    std::size_t dead = 0;             // rows given up
    std::vector<Call> follow_ups;
};

// Records answers about rooms that the transaction holds, and settles the rooms.
class AnswerBatch {
public:
    // `resume_at` as for record_answers().
    AnswerBatch(pg::Spi &spi, TimestampTz resume_at);

    // `closed`: the room is. What becomes of the rows of failed calls is written at once, the rest by
    // write().
    void add(const Answered &answered, bool closed);

    Effects write();

private:
    void ask_about_others();

    pg::Spi &spi_;
    TimestampTz resume_at_;
    Facts facts_;
    Effects effects_;
};

}  // namespace videoroom::worker
