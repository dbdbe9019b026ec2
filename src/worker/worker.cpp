#include "worker/worker.hpp"

#include <utility>

#include "pg/guard.hpp"
#include "pg/transaction.hpp"
#include "worker/attach.hpp"
#include "worker/loop.hpp"

namespace videoroom::worker {
namespace {

void set_worker_defaults()
{
    const std::pair<const char *, const char *> defaults[] = {
        {"search_path", "pg_catalog, pg_temp"},
        {"lock_timeout", "100ms"},  // DROP EXTENSION never waits longer for a worker that waits itself
        {"statement_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"session_replication_role", "origin"},  // with its triggers
        {"transaction_timeout", "0"},            // since 17
        // Whatever is asked here has an index to walk along; no statistics, missing or old, may suggest
        // reading a whole table instead.
        {"jit", "off"},
        {"plan_cache_mode", "force_generic_plan"},
        {"enable_seqscan", "off"},
        {"enable_bitmapscan", "off"},
        {"enable_hashjoin", "off"},
        {"enable_mergejoin", "off"},
        {"enable_sort", "off"},
    };
    for (const auto &[name, value] : defaults)
        if (GetConfigOption(name, true, false))
            SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

}  // namespace

bool start_worker(Oid database, BackgroundWorkerHandle **handle)
{
    BackgroundWorker worker = {};
    worker.bgw_flags =
        BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | pg::interruptible_worker;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;  // the launcher sees to it
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_library_name, "videoroom", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "videoroom_worker_main", BGW_MAXLEN);
    strlcpy(worker.bgw_name, "videoroom worker", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "videoroom worker", BGW_MAXLEN);
    return RegisterDynamicBackgroundWorker(&worker, handle);
}

}  // namespace videoroom::worker

extern "C" PGDLLEXPORT void videoroom_worker_main(Datum argument)
{
    using namespace videoroom;

    Oid oid = DatumGetObjectId(argument);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    pg::ignore_signal(SIGPIPE);
    BackgroundWorkerUnblockSignals();

    pg::shared::Database *database = worker::attach(oid);
    if (!database)
        proc_exit(0);
    BackgroundWorkerInitializeConnectionByOid(oid, InvalidOid, 0);
    worker::set_worker_defaults();
    pg::wall([database] {
        try {
            pg::Transaction().commit();  // is the extension here?
            worker::work(database);
        } catch (const pg::ExtensionGone &) {
            return;
        }
    });
    worker::forget_database();
    proc_exit(0);
}
