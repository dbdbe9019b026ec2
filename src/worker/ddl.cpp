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

constexpr int longest_wait_ms = 5000;  // what the server itself grants other sessions
constexpr int look_every_ms = 10;

pid_t signal_worker(Oid oid)
{
    Locked locked(state());
    Database *database = pg::shared::find_database(state(), oid);
    if (!database || !database->worker)
        return 0;
    kill(database->worker, SIGTERM);
    return database->worker;
}

// Until the server counts it no more. If that takes longer, the server will say who is in the way.
void stop_worker(Oid oid)
{
    pid_t worker = signal_worker(oid);
    for (int waited = 0; worker && waited < longest_wait_ms && BackendPidGetProc(worker);
         waited += look_every_ms) {
        CHECK_FOR_INTERRUPTS();
        pg_usleep(look_every_ms * 1000L);
    }
}

bool is_about_databases(Node *command)
{
    return IsA(command, CreatedbStmt) || IsA(command, DropdbStmt) || IsA(command, AlterDatabaseStmt) ||
           (IsA(command, RenameStmt) &&
            reinterpret_cast<RenameStmt *>(command)->renameType == OBJECT_DATABASE);
}

// What it commits was written by a session that cannot tell anybody any more.
bool commits_prepared(Node *command)
{
    return IsA(command, TransactionStmt) &&
           reinterpret_cast<TransactionStmt *>(command)->kind == TRANS_STMT_COMMIT_PREPARED;
}

void wake_own_worker()
{
    bool known;
    {
        Locked locked(state());
        known = pg::shared::find_database(state(), MyDatabaseId);
    }
    if (known)
        pg::shared::wake_worker(MyDatabaseId, DT_NOBEGIN);
}

const char *option(List *options, const char *name, const char *otherwise)
{
    ListCell *cell;
    foreach (cell, options) {
        auto *given = static_cast<DefElem *>(lfirst(cell));
        if (given->arg && strcmp(given->defname, name) == 0)
            return defGetString(given);
    }
    return otherwise;
}

bool may_be_made(const char *database)
{
    return pg::may_create_databases() && !OidIsValid(get_database_oid(database, true));
}

// Nobody replicates from or into it.
bool may_be_dropped(Oid database)
{
    int slots, active;
    (void)ReplicationSlotsCountDBSlots(database, &slots, &active);
    return active == 0 && CountDBSubscriptions(database) == 0;
}

// The database that the command wants without connections; nullptr if there is none, or the server will
// refuse the command before it looks for them.
const char *wanted_empty(Node *command)
{
    switch (nodeTag(command)) {
        case T_CreatedbStmt: {
            auto *create = reinterpret_cast<CreatedbStmt *>(command);
            return may_be_made(create->dbname) ? option(create->options, "template", "template1") : nullptr;
        }
        case T_RenameStmt: {
            auto *rename = reinterpret_cast<RenameStmt *>(command);
            return may_be_made(rename->newname) ? rename->subname : nullptr;
        }
        case T_AlterDatabaseStmt: {
            auto *alter = reinterpret_cast<AlterDatabaseStmt *>(command);
            const char *tablespace = option(alter->options, "tablespace", nullptr);
            return tablespace && OidIsValid(get_tablespace_oid(tablespace, true)) ? alter->dbname : nullptr;
        }
        case T_DropdbStmt:
            return reinterpret_cast<DropdbStmt *>(command)->dbname;
        default:
            return nullptr;
    }
}

// Ends the worker of the database that the command wants without connections, and lets none in until the
// transaction ends: by the lock that the server takes next.
void make_room(Node *command, bool in_block)
{
    if (XactReadOnly || (in_block && !IsA(command, RenameStmt)))
        return;
    const char *name = wanted_empty(command);
    Oid oid = name ? get_database_oid(name, true) : InvalidOid;
    bool copies = IsA(command, CreatedbStmt);
    if (!OidIsValid(oid) || !pg::owns_database(oid) || (oid == MyDatabaseId && !copies) ||
        (IsA(command, DropdbStmt) && !may_be_dropped(oid)))
        return;
    LockSharedObject(DatabaseRelationId, oid, 0, copies ? ShareLock : AccessExclusiveLock);
    if (get_database_oid(name, true) == oid)
        stop_worker(oid);
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
    if (state() && is_about_databases(command)) {
        pg::wake_launcher_at_end();
        // A server that ends workers itself checks more than we can before. But at DROP DATABASE WITH (FORCE)
        // it asks first whether the user may end them.
        if (!pg::interruptible_worker || IsA(command, DropdbStmt))
            make_room(command, IsInTransactionBlock(context == PROCESS_UTILITY_TOPLEVEL));
    }
    bool commits = state() && commits_prepared(command);  // the tree may be gone afterwards
    pass_on(statement, query, read_only_tree, context, params, environment, receiver, completion);
    if (commits)
        wake_own_worker();
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
