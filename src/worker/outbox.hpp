// The outbox: rows that are due become calls.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "worker/call.hpp"

namespace videoroom::worker {

struct Claimed {
    std::vector<Call> calls;
    bool settled = false;  // rows were done with that needed no call: others may be due behind them
};

// How far the rows of rooms made ahead have been taken, in their order. What is before that is on its way,
// but for what somebody held or what became due since, which waits until the next walk from the beginning: a
// claim that had to walk past hundreds of calls to Twilio would take longer than all else it does.
struct ScanPosition {
    TimestampTz starts_at = DT_NOBEGIN;
    int64 id = 0;
    TimestampTz until = 0;  // then from the beginning again
};

// Takes due rows of each class, at most `most` of them, one a room, what was never refused before what was,
// leaving out the rooms in `busy` and those whose row somebody has locked. A row whose call makes no sense
// any more goes; one past its deadline dies; the others come back as calls and are marked as sent in a
// transaction that is on disk before the first of them can leave. `rows`: so many of a class may be looked at
// even where fewer may be called.
Claimed claim_due(const PerClass &most, int rows, const std::vector<std::string> &busy,
                  std::string_view callback_url, ScanPosition &ahead);

// Makes a create row for each room that joins wait for, or pulls it forward. The rooms that were locked just
// then come back.
std::vector<std::string> ask_for_rooms(const std::vector<std::string> &rooms);

// Calls that failed only because Twilio could not be reached need not sit out their backoff: it is back.
void hurry_after_outage();

// When the next row of each class is due whose room is not among the busy ones; DT_NOEND if never.
std::array<TimestampTz, row_classes> next_due(const std::vector<std::string> &busy);

}  // namespace videoroom::worker
