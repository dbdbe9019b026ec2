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
    bool any = false;  // at least one is done with
};

// The answers that are not recorded yet.
class Answers {
public:
    // Of those that no row stands behind only videoroom.max_requests are kept: what they say can be asked
    // again, and the one that has been put off most often goes.
    void add(Answered answered);

    // Takes out those about no single room.
    std::vector<Answered> take_lists();

    // How many could be recorded now, and when the first of the others may be; DT_NOEND if there is none.
    int ready() const;
    TimestampTz next() const;

    // Records those whose time has come, at most a batch of them, each in a savepoint of its own and in the
    // order of the rooms' names. One whose room is locked stays, so that no client's open transaction can
    // stall the others; so do all when the transaction fails. `resume_at`: when a row that Twilio asked us to
    // hold back may run again.
    Recorded record(TimestampTz resume_at);

    // Adds the rooms with a row of the outbox behind one.
    void add_busy_rooms(std::vector<std::string> &rooms) const;

private:
    void drop_one_too_many();

    std::vector<Answered> answers_;
};

}  // namespace videoroom::worker
