// What callbacks missed is found by asking: which rooms are in progress, and who is in those that look odd.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/call.hpp"

namespace videoroom::worker {

// Reads one session, and then its participants.
Call read_session(std::string_view room_id, std::string_view room_sid);
Call read_participants(std::string_view room_id, std::string_view room_sid, Purpose purpose);

// The call for the next page of a list; nullopt after the last one, and, with a word in the log, where the
// page would lead away from api_url.
std::optional<Call> next_page(const Call &call, const std::string &next_page_url);

// One sweep at a time over the rooms in progress. Rooms that are not ours are ignored.
class Reconciler {
public:
    bool running() const { return running_; }

    // When the next sweep is to begin.
    TimestampTz next_sweep() const;
    bool sweep_is_due(TimestampTz now) const;

    // Begins a sweep.
    Call begin(TimestampTz now);

    // Takes an answer with a page of the list; gives the calls that follow: the next page or, after the last
    // one, the sessions to be read one by one. A sweep that cannot be finished is dropped: what it saw says
    // nothing about what it did not see.
    std::vector<Call> take(const Answered &answered);

private:
    std::vector<Call> read_page(const Answered &answered);
    std::vector<Call> compare() const;
    void stop();

    bool running_ = false;
    TimestampTz began_at_ = 0;
    std::vector<std::string> listed_;
};

}  // namespace videoroom::worker
