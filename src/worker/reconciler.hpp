// What callbacks missed is found by asking: which rooms are in progress, and who is in those that look odd.
#pragma once

#include <string>
#include <vector>

#include "worker/calls.hpp"

namespace videoroom::worker {

// One sweep at a time over the rooms in progress. Rooms that are not ours are ignored.
class Reconciler {
public:
    // When the next sweep is to begin.
    TimestampTz next_sweep() const;

    // Begins one, if none is under way and it is time, or the gate is closed and lets a probe through: joins
    // are refused until it opens, and nothing else may be due. Gives when to come again.
    TimestampTz sweep(Calls &calls, const Gate &gate, bool gate_closed);

    // Lets go of the one under way and of the reads that wait to be sent: while calls are held back a list is
    // the probe, which is likelier to succeed than what it led to.
    void abandon(Calls &calls);

    // Takes an answer with a page of the list; gives the calls that follow: the next page or, after the last
    // one, the sessions to be read one by one. A sweep that cannot be finished is dropped: what it saw says
    // nothing about what it did not see.
    std::vector<Call> take(const Answered &answered);

private:
    void stop();
    std::vector<Call> read_page(const Answered &answered);
    std::vector<Call> compare() const;
    bool running_ = false;
    TimestampTz began_at_ = 0;
    std::vector<std::string> listed_;
};

}  // namespace videoroom::worker
