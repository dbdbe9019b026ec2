// Twilio: 80 reads and 20 writes a second for an account; what is more is answered 429, 20429.
#pragma once

#include <deque>
#include <mutex>

#include "time.hpp"

namespace sim {

/// A sliding window of one second of real time. Refused requests do not count.
class RateLimit {
public:
    bool allows(std::int64_t per_second)
    {
        std::lock_guard lock(mutex_);
        Time now = real_now();
        while (!accepted_.empty() && accepted_.front() <= now - second)
            accepted_.pop_front();
        if (static_cast<std::int64_t>(accepted_.size()) >= per_second)
            return false;
        accepted_.push_back(now);
        return true;
    }

    void reset()
    {
        std::lock_guard lock(mutex_);
        accepted_.clear();
    }

private:
    std::mutex mutex_;
    std::deque<Time> accepted_;
};

}  // namespace sim
