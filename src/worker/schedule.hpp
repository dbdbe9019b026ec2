// When the worker next looks into the database.
#pragma once

#include <algorithm>

#include "core/time.hpp"
#include "pg/shared_state.hpp"

namespace videoroom::worker {

// A look is due when its moment has come or somebody has called for it; after an error not for a second.
class Schedule {
public:
    static constexpr TimestampTz safety = 60 * USECS_PER_SEC;  // what nobody called for is found by then

    explicit Schedule(pg::shared::Database *database) : database_(database) {}

    bool due() const
    {
        TimestampTz now = GetCurrentTimestamp();
        if (!core::has_come(rest_until_, now, after_error))
            return false;
        if (core::has_come(next_, now, safety))
            return true;
        pg::shared::Locked locked(pg::shared::state());
        return database_->due;
    }

    // Between the two everything that is committed calls for another look; then only what is due before it.
    void begin_look()
    {
        next_ = DT_NOEND;
        pg::shared::Locked locked(pg::shared::state());
        database_->due = false;
        database_->wake_at = DT_NOEND;
    }
    void end_look()
    {
        by(GetCurrentTimestamp() + safety);
        pg::shared::Locked locked(pg::shared::state());
        database_->wake_at = next_;
    }

    // Look again at that moment at the latest.
    void by(TimestampTz moment) { next_ = std::min(next_, moment); }
    void now() { next_ = 0; }

    void rest()
    {
        rest_until_ = GetCurrentTimestamp() + after_error;
        next_ = rest_until_;
    }

    // When due() will be true at the latest, given what else there is to wait for.
    TimestampTz next(TimestampTz other) const
    {
        TimestampTz now = GetCurrentTimestamp();
        TimestampTz until = due() ? now : std::min({next_, other, now + safety});
        return core::has_come(rest_until_, now, after_error) ? until : std::max(until, rest_until_);
    }

private:
    static constexpr TimestampTz after_error = USECS_PER_SEC;

    pg::shared::Database *database_;
    TimestampTz next_ = 0;
    TimestampTz rest_until_ = 0;
};

}  // namespace videoroom::worker
