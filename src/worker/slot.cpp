#include "worker/slot.hpp"

#include "pg/mailbox.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Account;
using pg::shared::Database;
using pg::shared::Locked;

bool no_extension = false;

void leave_slot(int, Datum slot)
{
    auto *database = reinterpret_cast<Database *>(DatumGetPointer(slot));
    {
        Locked locked(pg::shared::state());
        database->worker = 0;
        database->latch = nullptr;
        database->ready = false;
        database->dismissed = pgStatSessionEndCause == DISCONNECT_KILLED;
        pg_atomic_write_u64(&database->stats.calls.in_flight, 0);
        if (no_extension && !database->due)
            database->oid = InvalidOid;
        for (Account &account : pg::shared::state()->accounts)
            if (account.prober == MyProcPid)
                account.breaker.abandoned();
    }
    pg::answer_everybody(database);
    pg::shared::wake_launcher();
}

}  // namespace

Database *take_slot(Oid oid)
{
    Database *database = nullptr;
    {
        Locked locked(pg::shared::state());
        database = pg::shared::claim_database(pg::shared::state(), oid);
        if (!database || database->worker)
            return nullptr;
        database->worker = MyProcPid;
        database->latch = MyLatch;
        database->ready = false;
        database->due = false;
        database->wake_at = DT_NOEND;
        database->pause = pg::shared::Pause::none;
    }
    before_shmem_exit(leave_slot, PointerGetDatum(database));
    return database;
}

void stand_ready(Database *slot)
{
    bool before;
    {
        Locked locked(pg::shared::state());
        before = slot->ready;
        slot->ready = true;
    }
    if (!before)
        pg::shared::wake_launcher();
}

void give_up_slot()
{
    no_extension = true;
}

}  // namespace videoroom::worker
