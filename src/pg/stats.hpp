// What happened in this database since its entry in shared memory was made. Counted without a lock, and not
// undone where a transaction is. Without the preload nothing is counted.
#pragma once

#include "core/time.hpp"
#include "pg/postgres.hpp"

namespace videoroom::pg::stats {

using Counter = pg_atomic_uint64;

struct Lengths {
    Counter sum;  // microseconds
    Counter count;
};

// Each group has writers of its own, and so cache lines of its own.
struct alignas(PG_CACHE_LINE_SIZE) Joins {
    Counter ok;
    Counter refused;      // 4xx
    Counter unavailable;  // 503
    Counter failed;       // anything else
};

struct alignas(PG_CACHE_LINE_SIZE) Callbacks {
    Counter ok;
    Counter ignored;
    Counter failed;
    Counter not_understood;
    Counter forged;
    Lengths lag;
    Counter genuine_at;      // the last one, a TimestampTz; 0: never
    Counter mismatched_at;   // the last forged one that named a room of ours, likewise
    Counter forged_told_at;  // the last line in the log about forged ones, likewise
    Counter forged_told;     // their number then
    Counter mismatched;      // their number since the last genuine one
};

// Calls to Twilio; the worker alone writes them.
struct alignas(PG_CACHE_LINE_SIZE) Calls {
    Counter sent;
    Counter ok;
    Counter limited;
    Counter failed;
    Counter retried;
    Counter dead;
    Counter in_flight;        // as it is now
    Counter last_success_at;  // a TimestampTz; 0: never
    Counter clock_ahead;      // how far our clock is ahead of Twilio's, a core::Time; negative: behind
    Lengths time;
};

struct Stats {
    TimestampTz since;
    Joins joins;
    Callbacks callbacks;
    Calls calls;
};

// Makes the counters; once, before anybody counts.
void init(Stats &stats) noexcept;

// Begins again from nothing. Who counts for the entry's last database at this moment may leave one behind.
void reset(Stats &stats) noexcept;

// This database's, in an entry made if need be; nullptr without the preload, or when all entries are taken.
// Takes the lock of the shared state only the first time in a process, or when the entry has been given up.
Stats *own() noexcept;

// One more, for this database. The lock of the shared state must not be held.
void count(Counter Joins::*which) noexcept;
void count(Counter Callbacks::*which) noexcept;
void count(Counter Calls::*which, std::size_t many = 1) noexcept;

void set(Counter Calls::*which, std::uint64_t value) noexcept;
void time_call(core::Time took) noexcept;
void time_callback(core::Time lag) noexcept;

// A callback's signature is good; it is not, though the callback names our account and a room of ours.
void note_genuine() noexcept;
void note_mismatch() noexcept;

}  // namespace videoroom::pg::stats
