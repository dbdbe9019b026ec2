#include "pg/shared_state.hpp"

#include <algorithm>

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
    for (const Account &slot : shared_state->accounts)
        if (sid == slot.sid)
            return slot.breaker;
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

Database *find_database(State *shared, Oid database) noexcept
{
    for (Database &slot : shared->databases)
        if (slot.oid == database)
            return &slot;
    return nullptr;
}

Database *claim_database(State *shared, Oid database) noexcept
{
    if (Database *slot = find_database(shared, database))
        return slot;
    Database *slot = find_database(shared, InvalidOid);
    if (slot) {
        slot->oid = database;
        slot->worker = 0;
        slot->latch = nullptr;
        slot->pause = Pause::none;
        slot->due = true;
        slot->wake_at = 0;
        slot->ready = false;
        slot->dismissed = false;
        slot->next_due = DT_NOEND;
        slot->account[0] = '\0';
        stats::reset(slot->stats);
    }
    return slot;
}

Account *account(State *shared, std::string_view sid) noexcept
{
    Account *oldest = &shared->accounts[0];
    for (Account &slot : shared->accounts) {
        if (sid == slot.sid)
            return &slot;
        if (std::max(slot.writes.refilled_at, slot.reads.refilled_at) <
            std::max(oldest->writes.refilled_at, oldest->reads.refilled_at))
            oldest = &slot;
    }
    *oldest = Account{};
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
    const Database *slot = find_database(shared_state, database);
    Status status;
    status.out_of_workers = shared_state->out_of_workers;
    status.out_of_slots = !slot && !find_database(shared_state, InvalidOid);
    if (!slot)
        return status;
    status.worker = slot->worker;
    status.pause = slot->pause;
    status.next_due = slot->next_due;
    status.waiters = slot->waiters;
    status.breaker = breaker_of(slot->account);
    return status;
}

void wake_worker(Oid database, TimestampTz run_at) noexcept
{
    if (!shared_state)
        return;
    Locked locked(shared_state);
    Database *slot = claim_database(shared_state, database);
    if (slot && run_at != DT_NOBEGIN)
        slot->next_due = std::min(slot->next_due, run_at);
    shared_state->out_of_slots = shared_state->out_of_slots || !slot;
    if (!slot || !slot->worker) {
        shared_state->look_again = true;
        if (shared_state->launcher_latch)
            SetLatch(shared_state->launcher_latch);
        return;
    }
    if (run_at >= slot->wake_at)
        return;
    slot->due = true;
    SetLatch(slot->latch);
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
