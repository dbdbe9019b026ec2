#include "worker/attach.hpp"

#include "pg/mailbox.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Database;
using pg::shared::Limits;
using pg::shared::Locked;

bool no_extension = false;

void detach(int, Datum entry)
{
    auto *database = reinterpret_cast<Database *>(DatumGetPointer(entry));
    {
        Locked locked(pg::shared::state());
        database->worker = 0;
        database->latch = nullptr;
        database->ready = false;
        database->dismissed = pgStatSessionEndCause == DISCONNECT_KILLED;
        pg_atomic_write_u64(&database->stats.calls.in_flight, 0);
        if (no_extension && !database->due)
            database->oid = InvalidOid;
        for (Limits &limits : pg::shared::state()->limits) {
            if (limits.prober == MyProcPid)
                limits.breaker.abandoned();
            if (limits.background_prober == MyProcPid)
                limits.background_breaker.abandoned();
        }
    }
    pg::answer_everybody(database);
    pg::shared::wake_launcher();
}

}  // namespace

Database *attach(Oid oid)
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
    before_shmem_exit(detach, PointerGetDatum(database));
    return database;
}

void report_ready(Database *database)
{
    bool before;
    {
        Locked locked(pg::shared::state());
        before = database->ready;
        database->ready = true;
    }
    if (!before)
        pg::shared::wake_launcher();
}

void show_pause(Database *database, pg::shared::Pause pause)
{
    bool changed;
    {
        Locked locked(pg::shared::state());
        changed = database->pause != pause;
        database->pause = pause;
    }
    if (changed && pause != pg::shared::Pause::none)
        pg::answer_everybody(database);
}

void forget_database()
{
    no_extension = true;
}

}  // namespace videoroom::worker
