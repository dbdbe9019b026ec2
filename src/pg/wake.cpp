#include "pg/wake.hpp"

#include "pg/shared_state.hpp"

namespace videoroom::pg {
namespace {

TimestampTz earliest = DT_NOEND;  // of the rows this transaction wrote
bool databases = false;           // it made, changed or dropped a database, or tried to

// Runs after what the transaction wrote has become visible. What a rolled-back savepoint wrote may wake
// somebody for nothing, which is harmless.
void at_end(XactEvent event, void *)
{
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_PREPARE && event != XACT_EVENT_ABORT)
        return;
    if (event != XACT_EVENT_ABORT && earliest != DT_NOEND)
        shared::wake_worker(MyDatabaseId, earliest);
    if (databases)
        shared::wake_launcher();
    earliest = DT_NOEND;
    databases = false;
}

void watch_the_end()
{
    static bool registered = false;
    if (!registered)
        RegisterXactCallback(at_end, nullptr);
    registered = true;
}

}  // namespace

void wake_at_commit(TimestampTz run_at)
{
    watch_the_end();
    if (run_at < earliest)
        earliest = run_at;
}

void wake_launcher_at_end()
{
    watch_the_end();
    databases = true;
}

}  // namespace videoroom::pg
