// The account's quotas and its breaker, shared by the workers of all databases.
#pragma once

#include <optional>
#include <string>

#include "core/retry.hpp"
#include "pg/shared_state.hpp"

namespace videoroom::worker {

// Leave to call Twilio with one account.
class Gate {
public:
    // Names the account from now on; other credentials for it end the wait after a 401.
    void use(std::string account_sid, bool changed);

    // How many of `wanted` calls may leave now; what it grants is taken from the quota.
    int admit(int wanted, bool write);

    // Gives back what admit() granted and nobody used.
    void give_back(int unused, bool write);

    // When admit() may next grant something; now, if it may already.
    TimestampTz next(bool write) const;

    // Are all calls held back: Twilio is down, refuses us, or asked for a pause?
    bool closed() const;

    // Reports how a call ended, and how long Twilio then wants to be left alone.
    void report(core::Verdict verdict, std::optional<core::Time> retry_after);

    // Until when, at the least, Twilio wants to be left alone.
    TimestampTz paused_until() const;

private:
    pg::shared::Limits *locked_limits() const;

    std::string account_sid_;
};

}  // namespace videoroom::worker
