// What launcher, workers and sessions share: an entry for each database that has the extension, with its
// mailbox and its counters, and the quotas and the breaker of each Twilio account. Only there with the
// preload.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/rate_limit.hpp"
#include "pg/postgres.hpp"
#include "pg/stats.hpp"

namespace videoroom::pg::shared {

constexpr int most_databases = 64;
constexpr int most_accounts = 2 * most_databases;  // half of them of databases that changed theirs
constexpr int mailbox_size = 128;

// Why a worker makes no calls for the time being.
enum class Pause : int { none, no_credentials, other_home, other_version, account };

// A room that joins wait for.
struct Waiting {
    char room_id[32];
    int waiters;
    bool asked;  // not yet taken by the worker
    ConditionVariable changed;
};

struct Database {
    Oid oid;       // InvalidOid: the entry is free
    pid_t worker;  // 0: none
    Latch *latch;  // the worker's, while there is one
    Pause pause;
    bool due;              // there may be something to do: set before the latch
    bool ready;            // the worker has found the extension
    bool dismissed;        // the worker that was last left because somebody ended it
    TimestampTz wake_at;   // the worker looks again by itself then
    TimestampTz next_due;  // the earliest call of the outbox that has not left, as far as is known
    char account[40];      // whom the worker calls Twilio as; empty: nobody yet
    int waiters;           // sessions waiting, over all rooms
    Waiting mailbox[mailbox_size];
    stats::Stats stats;  // not guarded by the lock
};

// What keeps an account's calls from being made.
struct Limits {
    char sid[40];
    core::TokenBucket writes;
    core::TokenBucket reads;
    core::Breaker breaker;             // of all calls
    core::Breaker background_breaker;  // of reads that no row stands behind
    core::RoomLimit rooms;
    pid_t prober;             // the worker that has taken the breaker's probe
    pid_t background_prober;  // and that of the other
};

struct State {
    LWLock *lock;  // guards all of it; held for a few instructions
    Latch *launcher_latch;
    bool look_again;      // the launcher shall look at the databases again
    bool out_of_workers;  // the last attempt to start a worker found no worker slot
    bool out_of_entries;  // a database with the extension found none of ours
    Database databases[most_databases];
    Limits limits[most_accounts];
};

// Asks for the memory and sets it up; called once, by _PG_init under the preload.
void reserve();

// The state; nullptr without the preload.
State *state() noexcept;

// The very line that preloads the library, in words.
std::string preload_line();

// Holds the lock; never throws, and nothing in between may.
class Locked {
public:
    explicit Locked(State *shared) noexcept : lock_(shared->lock) { LWLockAcquire(lock_, LW_EXCLUSIVE); }
    ~Locked() { LWLockRelease(lock_); }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;

private:
    LWLock *lock_;
};

// The entry of a database; nullptr if it has none. The lock must be held.
Database *find_database(State *shared, Oid database) noexcept;

// The same, made if need be; nullptr when all are taken.
Database *claim_database(State *shared, Oid database) noexcept;

// An account's entry, made if need be: of those that no database uses, the least recently refilled one goes.
// The lock must be held.
Limits *limits_of(State *shared, std::string_view sid) noexcept;

// The account's breaker as it is; a closed one if it has none yet, or without the preload. Takes the lock.
core::Breaker read_breaker(std::string_view sid) noexcept;

// What there is to tell about a database's worker.
struct Status {
    pid_t worker = 0;
    Pause pause = Pause::none;
    TimestampTz next_due = DT_NOEND;
    int waiters = 0;
    core::Breaker breaker{};      // of the account that it calls Twilio as
    bool out_of_workers = false;  // of the whole server
    bool out_of_entries = false;  // every entry is another database's
};

// As it is; without an entry, as if there were no worker. Takes the lock; needs the preload.
Status read_status(Oid database) noexcept;

// Tells the worker of this database that there is something to do, the launcher if there is no worker.
// The lock must not be held.
void wake_worker(Oid database, TimestampTz run_at) noexcept;

// Tells the launcher to look at the databases again.
void wake_launcher() noexcept;

}  // namespace videoroom::pg::shared
