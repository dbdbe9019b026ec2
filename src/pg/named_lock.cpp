#include "pg/named_lock.hpp"

namespace videoroom::pg {
namespace {

// By this transaction, as far as counted: what a rolled back savepoint has let go is still among them.
int held = 0;

void forget(XactEvent event, void *)
{
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        held = 0;
}

// Half of what the server has room for. The table of locks is everybody's: once it is full, others fail.
int most_held()
{
    static const bool registered = [] {
        RegisterXactCallback(forget, nullptr);
        return true;
    }();
    (void)registered;
    return max_locks_per_xact * (MaxBackends + max_prepared_xacts) / 2;
}

int count_held()
{
    int count = 0;
    const LockData *locks = GetLockStatusData();
    for (int i = 0; i < locks->nelements; i++)
        count += locks->locks[i].pid == MyProcPid && locks->locks[i].locktag.locktag_type == LOCKTAG_ADVISORY;
    return count;
}

void check_held()
{
    const int most = most_held();
    if (held < most || (held = count_held()) < most)
        return;
    ereport(
        ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
        errmsg("too many bookings or callbacks in one transaction"),
        errdetail("Each holds a lock until it ends, and %d are half of what the server has room for.", most),
        errhint("Commit in between, or raise max_locks_per_transaction."));
}

}  // namespace

void lock_name(LockClass lock_class, std::string_view name)
{
    uint64 key = hash_bytes_extended(reinterpret_cast<const unsigned char *>(name.data()),
                                     static_cast<int>(name.size()), 0);
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32), static_cast<uint32>(key),
                         static_cast<uint16>(lock_class));
    check_held();
    if (LockAcquire(&tag, ExclusiveLock, false, false) == LOCKACQUIRE_OK)
        held++;
}

}  // namespace videoroom::pg
