// A batch of answers about rooms that one transaction holds.
#pragma once

#include "pg/spi.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {

// Records answers, and settles their rooms.
class AnswerBatch {
public:
    // `resume_at` as for Answers::record().
    AnswerBatch(pg::Spi &spi, TimestampTz resume_at);

    // `closed`: the room is.
    void add(const Answered &answered, bool closed);

    // Writes what was gathered.
    Effects write();

private:
    void ask_about_others();

    pg::Spi &spi_;
    TimestampTz resume_at_;
    Facts facts_;
    Effects effects_;
};

}  // namespace videoroom::worker
