#include "pg/wake.hpp"

#include "pg/shared_state.hpp"

namespace videoroom::pg {
namespace {

TimestampTz earliest = DT_NOEND;  // of the rows this transaction wrote

// Runs after the transaction's rows have become visible. What a rolled-back savepoint wrote may wake the
// worker for nothing, which is harmless.
void at_end(XactEvent event, void *)
{
    if (earliest == DT_NOEND)
        return;
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
        shared::wake_worker(MyDatabaseId, earliest);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_ABORT)
        earliest = DT_NOEND;
}

}  // namespace

void wake_at_commit(TimestampTz run_at)
{
    static bool registered = false;
    if (!registered) {
        RegisterXactCallback(at_end, nullptr);
        registered = true;
    }
    if (run_at < earliest)
        earliest = run_at;
}

}  // namespace videoroom::pg
