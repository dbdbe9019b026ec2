#pragma once

#include <cstdint>
#include <optional>

#include "core/time.hpp"

// State that lives in shared memory, for all workers of one account: plain structs, zeroes are a valid start.
// Whoever calls holds the lock.
namespace videoroom::core {

// At most `per_second` in any second, whatever the burst.
struct TokenBucket {
    double tokens;
    Time refilled_at;

    // Refilling goes on from now where the clock has been set back. take() does it; whoever asks for next()
    // before that does it himself.
    void follow_clock(Time now);

    bool take(Time now, double per_second);

    // When there will be a token; now, if there is one.
    Time next(Time now, double per_second) const;
};

// How many may leave at once: a tenth of the quota. The bucket refills that much slower, to keep within it.
double burst_for(double per_second);

// Whether calls to Twilio make sense at all. Closed, it lets all calls through; after five failures in a row
// it opens, for 1 s, then doubling to 30 s, and then lets one probe through at a time until a call succeeds.
// A refusal of the account or its credentials opens it too, with a probe each minute.
struct Breaker {
    int failures;       // in a row
    int openings;       // in a row: how far open_until has doubled
    Time open_until;    // no probe before
    Time paused_until;  // Retry-After
    Time probe_until;   // a probe that nobody has reported on by then is forgotten: its sender may have died
    std::uint64_t denied_room;  // whose call was denied last, while no other room's was let through; 0: none
    int refused_with;           // while unauthorized: Twilio's code, or the HTTP status where there is none
    bool unauthorized;
    bool probing;

    // May a call leave now? True takes the probe, if it is one: report on it by one of the six below.
    bool allows(Time now);

    // Is every call held back now? False also when a probe is due, so that something gets to try.
    bool is_open(Time now) const;

    // When is_open may next turn false; now, if it is.
    Time next(Time now) const;

    // Verdict::account and Verdict::limited, each with its Retry-After: a pause of a second at least.
    void failed(Time now, double random01, std::optional<Time> until = std::nullopt);
    void limited(Time now, std::optional<Time> until);
    void refused(Time now, int code);  // Verdict::unauthorized
    // Verdict::denied. `room`: a number for the room, not 0. Twice for different rooms is a refusal.
    void denied(Time now, int code, std::uint64_t room);
    void succeeded(std::uint64_t room = 0);  // any other verdict: Twilio knows us and answers
    void abandoned();                        // the call was never made or was cut off by us
    void credentials_changed();
};

// Whether rooms may be made at all: Twilio refuses more than so many in progress for one account. One a
// second is tried until one is made, or one has ended.
struct RoomLimit {
    bool reached;
    Time probe_at;

    // May one be made now? True takes the second's probe, if it is one.
    bool allows(Time now);

    // When allows() may next be true; now, if it may be.
    Time next(Time now) const;

    void refused(Time now);
    void lifted();
};

}  // namespace videoroom::core
