// The worker's errors in the server's log: what goes wrong again and again is said once, not once a second.
#pragma once

#include <string>

#include "pg/guard.hpp"

namespace videoroom::worker {

class ErrorLog {
public:
    // A client that sits on a lock is no news until it has done so for a while, and what was said last is
    // none for a minute.
    void report(const pg::Error &error);

    // A round went well.
    void all_is_well() noexcept { lock_failures_ = 0; }

private:
    int lock_failures_ = 0;
    std::string last_;
    TimestampTz news_again_at_ = 0;
};

}  // namespace videoroom::worker
