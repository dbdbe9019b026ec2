#include "pg/shared_state.hpp"

#include <algorithm>

#include "pg/guard.hpp"

namespace videoroom::pg::shared {
namespace {

constexpr const char *tranche = "videoroom";

State *shared_state = nullptr;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

void request()
{
    if (previous_request_hook)
        previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(State)));
    RequestNamedLWLockTranche(tranche, 1);
}

void startup()
{
    if (previous_startup_hook)
        previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    shared_state = static_cast<State *>(ShmemInitStruct(tranche, sizeof(State), &found));
    if (!found) {
        MemSet(shared_state, 0, sizeof(State));
        shared_state->lock = &GetNamedLWLockTranche(tranche)->lock;
        for (Database &database : shared_state->databases) {
            for (Waiting &waiting : database.mailbox)
                ConditionVariableInit(&waiting.changed);
            stats::init(database.stats);
        }
    }
    LWLockRelease(AddinShmemInitLock);
}

core::Breaker breaker_of(std::string_view sid)
{
    for (const Limits &entry : shared_state->limits)
        if (sid == entry.sid)
            return entry.breaker;
    return {};
}

}  // namespace

void reserve()
{
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = startup;
}

State *state() noexcept
{
    return shared_state;
}

std::string preload_line()
{
    std::string libraries = call([] { return GetConfigOption("shared_preload_libraries", false, false); });
    return "Add to postgresql.conf and restart: shared_preload_libraries = '" +
           (libraries.empty() ? "" : libraries + ", ") + "videoroom'";
}

Database *find_database(State *shared, Oid database) noexcept
{
    for (Database &entry : shared->databases)
        if (entry.oid == database)
            return &entry;
    return nullptr;
}

Database *claim_database(State *shared, Oid database) noexcept
{
    if (Database *entry = find_database(shared, database))
        return entry;
    Database *entry = find_database(shared, InvalidOid);
    if (entry) {
        entry->oid = database;
        entry->worker = 0;
        entry->latch = nullptr;
        entry->pause = Pause::none;
        entry->due = true;
        entry->wake_at = 0;
        entry->ready = false;
        entry->dismissed = false;
        entry->next_due = DT_NOEND;
        entry->account[0] = '\0';
        stats::reset(entry->stats);
    }
    return entry;
}

Limits *limits_of(State *shared, std::string_view sid) noexcept
{
    auto used_at = [](const Limits &entry) {
        return std::max(entry.writes.refilled_at, entry.reads.refilled_at);
    };
    auto is_used = [shared](const Limits &entry) {
        return std::any_of(std::begin(shared->databases), std::end(shared->databases),
                           [&](const Database &database) {
                               return OidIsValid(database.oid) && strcmp(database.account, entry.sid) == 0;
                           });
    };
    for (Limits &entry : shared->limits)
        if (sid == entry.sid)
            return &entry;
    Limits *oldest = nullptr;
    for (Limits &entry : shared->limits)
        if ((!oldest || used_at(entry) < used_at(*oldest)) && !(entry.sid[0] && is_used(entry)))
            oldest = &entry;
    *oldest = Limits{};
    auto length = std::min(sid.size(), sizeof oldest->sid - 1);
    std::copy_n(sid.data(), length, oldest->sid);
    return oldest;
}

core::Breaker read_breaker(std::string_view sid) noexcept
{
    if (!shared_state)
        return {};
    Locked locked(shared_state);
    return breaker_of(sid);
}

Status read_status(Oid database) noexcept
{
    Locked locked(shared_state);
    const Database *entry = find_database(shared_state, database);
    Status status;
    status.out_of_workers = shared_state->out_of_workers;
    status.out_of_entries = !entry && !find_database(shared_state, InvalidOid);
    if (!entry)
        return status;
    status.worker = entry->worker;
    status.pause = entry->pause;
    status.next_due = entry->next_due;
    status.waiters = entry->waiters;
    status.breaker = breaker_of(entry->account);
    return status;
}

void wake_worker(Oid database, TimestampTz run_at) noexcept
{
    if (!shared_state)
        return;
    Locked locked(shared_state);
    Database *entry = claim_database(shared_state, database);
    if (entry && run_at != DT_NOBEGIN)
        entry->next_due = std::min(entry->next_due, run_at);
    shared_state->out_of_entries = shared_state->out_of_entries || !entry;
    if (!entry || !entry->worker) {
        shared_state->look_again = true;
        if (shared_state->launcher_latch)
            SetLatch(shared_state->launcher_latch);
        return;
    }
    if (run_at >= entry->wake_at)
        return;
    entry->due = true;
    SetLatch(entry->latch);
}

void wake_launcher() noexcept
{
    if (!shared_state)
        return;
    Locked locked(shared_state);
    shared_state->look_again = true;
    if (shared_state->launcher_latch)
        SetLatch(shared_state->launcher_latch);
}

}  // namespace videoroom::pg::shared
