// How long to wait for what somebody holds.
#pragma once

#include <algorithm>

#include "core/time.hpp"
#include "pg/postgres.hpp"

namespace videoroom::worker {

// Ever less often, while nothing moves.
class Patience {
public:
    // When to try again.
    TimestampTz again()
    {
        TimestampTz moment = GetCurrentTimestamp() + pause_;
        pause_ = std::min(longest, pause_ * 2);
        return moment;
    }

    // Something moved.
    void restore() { pause_ = shortest; }

    static constexpr TimestampTz shortest = 50 * core::millisecond;
    static constexpr TimestampTz longest = USECS_PER_SEC;

private:
    TimestampTz pause_ = shortest;
};

}  // namespace videoroom::worker
