// Rows of ours for PL/pgSQL, found, or locked, by their keys: a SELECT takes five times as long, most of it
// for starting the executor.
#include "pg/guard.hpp"
#include "pg/lookup.hpp"

namespace videoroom::api {
namespace {

// The row whose key, the first columns of `index`, is the arguments, as the active snapshot shows it; else
// NULL.
Datum find(FunctionCallInfo fcinfo, const char *table, const char *index, const char *first,
           const char *second = nullptr)
{
    return pg::call([=] {
        pg::Table rows = pg::open_table(table, index);
        ScanKeyData key[2] = {pg::equals(rows, first, TextDatumGetCString(PG_GETARG_DATUM(0)))};
        if (second)
            key[1] = pg::equals(rows, second, TextDatumGetCString(PG_GETARG_DATUM(1)));
        fcinfo->isnull = true;
        Datum found = 0;
        pg::for_each(rows, key, second ? 2 : 1, [&](HeapTuple row) {
            found = heap_copy_tuple_as_datum(row, RelationGetDescr(rows.relation));
            fcinfo->isnull = false;
        });
        pg::close_table(rows);
        return found;
    });
}

// As SELECT ... FOR NO KEY UPDATE locks a row: waits for whoever changes it, and then locks what that left.
bool lock_row(const pg::Table &table, ItemPointerData row, Snapshot snapshot)
{
    bool latest = !IsolationUsesXactSnapshot();
    TupleTableSlot *slot = table_slot_create(table.relation, nullptr);
    TM_FailureData failure;
    TM_Result result =
        table_tuple_lock(table.relation, &row, snapshot, slot, snapshot->curcid, LockTupleNoKeyExclusive,
                         LockWaitBlock, latest ? TUPLE_LOCK_FLAG_FIND_LAST_VERSION : 0, &failure);
    ExecDropSingleTupleTableSlot(slot);
    if (result == TM_Ok)
        return true;
    if (!latest && (result == TM_Updated || result == TM_Deleted))
        ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                errmsg("could not serialize access due to concurrent update"));
    if (result != TM_Deleted && result != TM_SelfModified)
        elog(ERROR, "unexpected table_tuple_lock status: %d", static_cast<int>(result));
    return false;
}

}  // namespace
}  // namespace videoroom::api

VIDEOROOM_FUNCTION(videoroom_lock_room)
{
    using namespace videoroom;

    return pg::call([&] {
        PreventCommandIfReadOnly("SELECT FOR NO KEY UPDATE");
        bool locked = false;
        pg::Table rooms = pg::open_table("room", "room_pkey", RowShareLock);
        ScanKeyData key = pg::equals(rooms, "room_id", TextDatumGetCString(PG_GETARG_DATUM(0)));
        pg::for_each(rooms, &key, 1,
                     [&](HeapTuple row) { locked = api::lock_row(rooms, row->t_self, GetActiveSnapshot()); });
        pg::close_table(rooms);
        return BoolGetDatum(locked);
    });
}

VIDEOROOM_FUNCTION(videoroom_find_room)
{
    return videoroom::api::find(fcinfo, "room", "room_pkey", "room_id");
}

VIDEOROOM_FUNCTION(videoroom_find_participant)
{
    return videoroom::api::find(fcinfo, "participant", "participant_pkey", "room_id", "user_id");
}

VIDEOROOM_FUNCTION(videoroom_find_session)
{
    return videoroom::api::find(fcinfo, "session", "session_pkey", "room_sid");
}

VIDEOROOM_FUNCTION(videoroom_find_connection)
{
    return videoroom::api::find(fcinfo, "connection", "connection_pkey", "participant_sid");
}
