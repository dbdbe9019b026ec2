#include "pg/transaction.hpp"

namespace videoroom::pg {
namespace {

Oid lock_extension()
{
    Oid extension = get_extension_oid("videoroom", true);
    if (!OidIsValid(extension))
        return InvalidOid;
    LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
    return get_extension_oid("videoroom", true);  // dropped while we waited?
}

Oid owner_of_tables()
{
    Oid schema = get_namespace_oid("videoroom", true);
    Oid table = OidIsValid(schema) ? get_relname_relid("outbox", schema) : InvalidOid;
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

}  // namespace

Transaction::Transaction()
{
    try {
        begin();
    } catch (...) {
        if (open_)
            AbortCurrentTransaction();
        throw;
    }
}

void Transaction::begin()
{
    open_ = true;
    call([] {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
    });
    Oid owner = call([] {
        PushActiveSnapshot(GetTransactionSnapshot());
        return OidIsValid(lock_extension()) ? owner_of_tables() : InvalidOid;
    });
    if (!OidIsValid(owner))
        throw ExtensionGone();
    GetUserIdAndSecContext(&user_, &security_);
    SetUserIdAndSecContext(owner, security_ | SECURITY_LOCAL_USERID_CHANGE);
}

Transaction::~Transaction()
{
    if (open_)
        AbortCurrentTransaction();  // puts the user back too
}

void Transaction::commit()
{
    call([] {
        PopActiveSnapshot();
        CommitTransactionCommand();  // runs deferred triggers
    });
    open_ = false;
    SetUserIdAndSecContext(user_, security_);
}

void Transaction::commit_durably()
{
    ForceSyncCommit();
    commit();
}

void Transaction::commit_asynchronously()
{
    call([] {
        if (SyncRepRequested() && *SyncRepStandbyNames)
            return;
        set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                          false);
    });
    commit();
}

Savepoint::Savepoint() : context_(CurrentMemoryContext), owner_(CurrentResourceOwner)
{
    call([] { BeginInternalSubTransaction(nullptr); });
    open_ = true;
    MemoryContextSwitchTo(context_);
}

void Savepoint::release()
{
    call([] { ReleaseCurrentSubTransaction(); });
    open_ = false;
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
}

Savepoint::~Savepoint()
{
    if (!open_)
        return;
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
}

}  // namespace videoroom::pg
