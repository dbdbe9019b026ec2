// What the worker sleeps on: its latch, the calls under way, the death of the postmaster.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::worker {

class Waiter {
public:
    // `descriptor` is readable when calls want to be served.
    explicit Waiter(int descriptor);

    // Sleeps until one of them stirs, and no longer than `until` or `most_ms` (-1: no matter).
    void wait(TimestampTz until, long most_ms);

private:
    WaitEventSet *events_;
};

}  // namespace videoroom::worker
