#include "worker/launcher.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <vector>

#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/shared_state.hpp"
#include "worker/worker.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Database;
using pg::shared::Locked;
using pg::shared::state;

constexpr TimestampTz safety_look = 60 * USECS_PER_SEC;
constexpr TimestampTz longest_probe = 5 * USECS_PER_SEC;  // then the next database gets its turn
constexpr TimestampTz longest_pause = 60 * USECS_PER_SEC;
constexpr TimestampTz pause_without_slot = USECS_PER_SEC;  // only a worker of ours wakes us when it ends
constexpr TimestampTz pause_while_locked = USECS_PER_SEC;  // nobody wakes us when a lock is let go
constexpr TimestampTz lived_well = 10 * USECS_PER_SEC;

// What the launcher remembers of a database.
struct Known {
    bool probed = false;  // looked at, and the extension was not there
    TimestampTz started_at = 0;
    TimestampTz not_before = 0;
    int failures = 0;  // workers that died young, in a row
};

// How it stands with a database's worker; dismissed: as wanted, but the last one was ended by somebody.
enum class WorkerState { none, wanted, dismissed, running, ready };

class Launcher {
public:
    [[noreturn]] void run()
    {
        for (;;) {
            {
                Locked locked(state());
                state()->look_again = false;
            }
            TimestampTz next = GetCurrentTimestamp() + safety_look;
            if (pg::settings::enabled)
                next = std::min(next, look());
            wait(called() ? 0 : next);
        }
    }

private:
    // Starts what is to be started now; says when to look again at the latest.
    TimestampTz look()
    {
        TimestampTz now = GetCurrentTimestamp();
        TimestampTz next = DT_NOEND;
        std::vector<Oid> databases = list_databases();
        forget_others(databases);
        check_probe(now);
        tell_databases();
        for (Oid oid : databases) {
            Known &known = known_[oid];
            WorkerState worker = worker_state(oid);
            if (worker == WorkerState::ready && now - known.started_at >= lived_well)
                known.failures = 0;
            if (worker == WorkerState::running || worker == WorkerState::ready)
                continue;
            if (worker == WorkerState::none && known.started_at && !known.probed && oid != probing_) {
                known = Known();  // CREATE EXTENSION need not wait then
                known.probed = true;
            }
            if (worker == WorkerState::none && known.probed)
                continue;
            if (OidIsValid(probing_))
                continue;  // one at a time; its end wakes us
            if (!core::has_come(known.not_before, now, longest_pause)) {
                next = std::min(next, known.not_before);
                continue;
            }
            if (!takes_connections(oid)) {
                next = std::min(next, now + pause_while_locked);
                continue;
            }
            next = std::min(next, start(oid, known, worker == WorkerState::dismissed, now));
        }
        if (OidIsValid(probing_))
            next = std::min(next, now + longest_probe);
        return next;
    }

    // Says when to look again at the latest.
    TimestampTz start(Oid oid, Known &known, bool dismissed, TimestampTz now)
    {
        // Whoever dies young waits longer each time.
        known.failures = !dismissed && now - known.started_at < lived_well ? known.failures + 1 : 0;
        known.not_before = now + std::min(longest_pause, USECS_PER_SEC << std::min(known.failures, 6));
        known.started_at = now;
        bool started = pg::call([&] { return start_worker(oid, &handle_); });
        tell_slots(!started);
        if (!started) {
            known.started_at = known.not_before = 0;
            return now + pause_without_slot;
        }
        known.probed = false;
        probing_ = oid;
        probe_until_ = now + longest_probe;
        return known.not_before;
    }

    // Is the worker started last on its feet, or gone?
    void check_probe(TimestampTz now)
    {
        if (!OidIsValid(probing_))
            return;
        pid_t pid;
        BgwHandleStatus status = pg::call([&] { return GetBackgroundWorkerPid(handle_, &pid); });
        if (status == BGWH_STOPPED || worker_state(probing_) == WorkerState::ready ||
            core::has_come(probe_until_, now, longest_probe)) {
            pfree(handle_);
            handle_ = nullptr;
            probing_ = InvalidOid;
        }
    }

    static WorkerState worker_state(Oid oid)
    {
        Locked locked(state());
        Database *database = pg::shared::find_database(state(), oid);
        if (!database)
            return WorkerState::none;
        if (!database->worker)
            return database->dismissed ? WorkerState::dismissed : WorkerState::wanted;
        return database->ready ? WorkerState::ready : WorkerState::running;
    }

    // Says so once, not at every call from a database too many.
    void tell_databases()
    {
        bool out;
        {
            Locked locked(state());
            out = state()->out_of_entries;
        }
        if (out && !told_databases_)
            pg::call([] {
                ereport(LOG,
                        errmsg("videoroom has no worker for some databases: %d have one already",
                               pg::shared::most_databases),
                        errhint("SELECT * FROM videoroom_health() tells in each database; move some to "
                                "another server."));
            });
        told_databases_ = told_databases_ || out;
    }

    // Says so once, not at every attempt.
    static void tell_slots(bool out)
    {
        bool changed;
        {
            Locked locked(state());
            changed = state()->out_of_workers != out;
            state()->out_of_workers = out;
        }
        if (changed && out)
            pg::call([] {
                ereport(LOG, errmsg("videoroom cannot start a worker: no background worker slot is free"),
                        errhint("Raise max_worker_processes and restart."));
            });
    }

    // Databases that take connections and are no templates.
    static std::vector<Oid> list_databases()
    {
        std::vector<Oid> databases;
        databases.reserve(64);
        TableScanDesc scan;
        Relation catalog;
        pg::call([&] {
            SetCurrentStatementStartTimestamp();
            StartTransactionCommand();
            (void)GetTransactionSnapshot();
            catalog = table_open(DatabaseRelationId, AccessShareLock);
            scan = table_beginscan_catalog(catalog, 0, nullptr);
        });
        while (HeapTuple tuple = pg::call([&] { return heap_getnext(scan, ForwardScanDirection); })) {
            auto *database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            if (database->datallowconn && !database->datistemplate && database->datconnlimit > -2)
                databases.push_back(database->oid);
        }
        pg::call([&] {
            table_endscan(scan);
            table_close(catalog, AccessShareLock);
            CommitTransactionCommand();
        });
        return databases;
    }

    // False while a command wants it without connections: a worker would have to wait for that, and find the
    // database dropped or renamed.
    static bool takes_connections(Oid oid)
    {
        return pg::call([oid] {
            LOCKTAG database;
            SET_LOCKTAG_OBJECT(database, InvalidOid, DatabaseRelationId, oid, 0);
            SetCurrentStatementStartTimestamp();
            StartTransactionCommand();
            LockAcquireResult result = LockAcquire(&database, RowExclusiveLock, false, true);
            CommitTransactionCommand();
            return result != LOCKACQUIRE_NOT_AVAIL;
        });
    }

    void forget_others(const std::vector<Oid> &databases)
    {
        auto gone = [&](Oid oid) {
            return std::find(databases.begin(), databases.end(), oid) == databases.end();
        };
        std::erase_if(known_, [&](const auto &entry) { return gone(entry.first); });
        Locked locked(state());
        for (Database &database : state()->databases) {
            if (!OidIsValid(database.oid) || !gone(database.oid))
                continue;
            if (database.worker)
                kill(database.worker, SIGTERM);  // it has become a template, or takes no connections any more
            else
                database.oid = InvalidOid;
        }
    }

    // Somebody called while we looked; a wait inside the server may have reset the latch.
    static bool called()
    {
        Locked locked(state());
        return state()->look_again;
    }

    static void wait(TimestampTz until)
    {
        long timeout = std::max(0L, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until));
        pg::call([&] {
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout, PG_WAIT_EXTENSION);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        });
        pg::settings::reload();
    }

    std::map<Oid, Known> known_;
    Oid probing_ = InvalidOid;
    TimestampTz probe_until_ = 0;
    bool told_databases_ = false;
    BackgroundWorkerHandle *handle_ = nullptr;
};

void leave(int, Datum)
{
    Locked locked(state());
    state()->launcher_latch = nullptr;
}

void enter()
{
    {
        Locked locked(state());
        state()->launcher_latch = MyLatch;
    }
    before_shmem_exit(leave, 0);
}

}  // namespace

void register_launcher()
{
    if (IsBinaryUpgrade)
        return;
    BackgroundWorker launcher = {};
    launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
    launcher.bgw_restart_time = 1;
    strlcpy(launcher.bgw_library_name, "videoroom", BGW_MAXLEN);
    strlcpy(launcher.bgw_function_name, "videoroom_launcher_main", BGW_MAXLEN);
    strlcpy(launcher.bgw_name, "videoroom launcher", BGW_MAXLEN);
    strlcpy(launcher.bgw_type, "videoroom launcher", BGW_MAXLEN);
    RegisterBackgroundWorker(&launcher);
}

}  // namespace videoroom::worker

extern "C" PGDLLEXPORT void videoroom_launcher_main(Datum)
{
    using namespace videoroom;

    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    worker::enter();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pg::wall([] { worker::Launcher().run(); });
    proc_exit(1);  // 0 would unregister it for good
}
