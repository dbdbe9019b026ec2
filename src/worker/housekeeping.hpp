// What comes with the clock: rooms expire, sessions get lost, callbacks are tried again, old rows go.
#pragma once

#include "worker/patience.hpp"

namespace videoroom::worker {

class Housekeeping {
public:
    // Does one bounded batch of what is due; gives the moment when there is more, for what somebody holds as
    // `patience` says.
    [[nodiscard]] TimestampTz run(Patience &patience);

private:
    TimestampTz give_up_at_ = 0;
    TimestampTz forget_at_ = 0;
};

}  // namespace videoroom::worker
