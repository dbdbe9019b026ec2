#include "worker/ddl.hpp"

#include <csignal>

#include "pg/postgres.hpp"
#include "pg/shared_state.hpp"
#include "pg/wake.hpp"

// Plain functions between the server and the server: nothing here has a destructor across a call that can
// raise but Locked, and nothing raises while that is held.
namespace videoroom::worker {
namespace {

using pg::shared::Database;
using pg::shared::Locked;
using pg::shared::state;

ProcessUtility_hook_type previous_utility = nullptr;
object_access_hook_type previous_access = nullptr;

constexpr long longest_wait_ms = 5000;  // what the server itself grants other sessions at DROP DATABASE

// No worker may start there while this session drops the database.
pid_t hold(Oid oid)
{
    Locked locked(state());
    Database *database = pg::shared::claim_database(state(), oid);
    if (!database)
        return 0;
    database->held_by = MyProcPid;
    return database->worker;
}

void release(Oid oid, bool dropped)
{
    {
        Locked locked(state());
        Database *database = pg::shared::find_database(state(), oid);
        if (database && database->held_by == MyProcPid) {
            database->held_by = 0;
            if (dropped && !database->worker)
                database->oid = InvalidOid;
        }
    }
    pg::shared::wake_launcher();
}

// After an error, and when the session is ended.
void not_dropped(int, Datum oid)
{
    release(DatumGetObjectId(oid), false);
}

bool worker_is_there(Oid oid)
{
    Locked locked(state());
    Database *database = pg::shared::find_database(state(), oid);
    return database && database->worker;
}

void stop_worker(Oid oid)
{
    pid_t worker = hold(oid);
    if (worker)
        kill(worker, SIGTERM);
    ConditionVariablePrepareToSleep(&state()->worker_gone);
    while (worker_is_there(oid))
        if (ConditionVariableTimedSleep(&state()->worker_gone, longest_wait_ms, PG_WAIT_EXTENSION))
            break;  // DROP DATABASE will say who is in the way
    ConditionVariableCancelSleep();
}

void pass_on(PlannedStmt *statement, const char *query, bool read_only_tree, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver,
             QueryCompletion *completion)
{
    auto next = previous_utility ? previous_utility : standard_ProcessUtility;
    next(statement, query, read_only_tree, context, params, environment, receiver, completion);
}

void utility(PlannedStmt *statement, const char *query, bool read_only_tree, ProcessUtilityContext context,
             ParamListInfo params, QueryEnvironment *environment, DestReceiver *receiver,
             QueryCompletion *completion)
{
    Node *command = statement->utilityStmt;
    bool news = IsA(command, CreatedbStmt) || IsA(command, AlterDatabaseStmt);  // it may be freed on the way
    Oid dropped = InvalidOid;
    if (state() && IsA(command, DropdbStmt))
        dropped = get_database_oid(reinterpret_cast<DropdbStmt *>(command)->dbname, true);

    if (!OidIsValid(dropped) || !pg::owns_database(dropped)) {
        pass_on(statement, query, read_only_tree, context, params, environment, receiver, completion);
        if (news)
            pg::wake_launcher_at_commit();
        return;
    }

    PG_ENSURE_ERROR_CLEANUP(not_dropped, ObjectIdGetDatum(dropped));
    {
        stop_worker(dropped);
        pass_on(statement, query, read_only_tree, context, params, environment, receiver, completion);
    }
    PG_END_ENSURE_ERROR_CLEANUP(not_dropped, ObjectIdGetDatum(dropped));
    release(dropped, true);
}

void access(ObjectAccessType type, Oid catalog, Oid object, int column, void *argument)
{
    if (previous_access)
        previous_access(type, catalog, object, column, argument);
    if (type == OAT_DROP && catalog == ExtensionRelationId && object == get_extension_oid("videoroom", true))
        pg::wake_at_commit(DT_NOBEGIN);
}

}  // namespace

void watch_ddl()
{
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = utility;
    previous_access = object_access_hook;
    object_access_hook = access;
}

}  // namespace videoroom::worker
