// What comes with the clock: rooms expire, sessions get lost, callbacks are tried again, old rows go.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::worker {

class Housekeeping {
public:
    // Does one bounded batch of what is due; gives the moment when there may be more.
    [[nodiscard]] TimestampTz run();

    // When the next room closes or the next callback is to be tried again, as run() found it; in the past
    // while somebody holds it. DT_NOEND if never.
    [[nodiscard]] TimestampTz due() const { return due_; }

private:
    TimestampTz due_ = DT_NOEND;
    TimestampTz give_up_at_ = 0;
    TimestampTz forget_at_ = 0;
};

}  // namespace videoroom::worker
