// The account's quotas, its breakers and its limit of rooms, shared by the workers of all databases.
#pragma once

#include <string>

#include "pg/shared_state.hpp"
#include "worker/call.hpp"

namespace videoroom::worker {

enum class Quota { writes, reads, background };  // background: reads that no row stands behind

// Leave to call Twilio with one account.
class Gate {
public:
    // Names the account from now on; other credentials for it end the wait after a 401.
    void use(std::string account_sid, bool changed);

    // How many of `wanted` calls may leave now; what it grants is taken from the quota. While calls are held
    // back it is one, the probe, whoever asks first.
    int admit(int wanted, Quota quota);

    // Gives back what admit() granted and nobody used.
    void give_back(int unused, Quota quota);

    // When admit() may next grant something; now, if it may already.
    TimestampTz next(Quota quota) const;

    // Of so many rooms that are wanted, how many may be made: all, or, where the account has as many as it
    // may have, one a second.
    int admit_rooms(int wanted);
    // When it may next be one; now, if it may be.
    TimestampTz next_room() const;

    // Are all calls held back: Twilio is down, refuses us, or asked for a pause?
    bool closed() const;
    // Are the reads that no row stands behind, because they fail?
    bool background_closed() const;

    // Reports how a call ended.
    void report(const Answered &answered);

    // Until when, at the least, Twilio wants to be left alone.
    TimestampTz paused_until() const;

private:
    pg::shared::Limits *locked_limits() const;

    std::string account_sid_;
};

}  // namespace videoroom::worker
