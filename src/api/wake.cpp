// Whoever asks for a call to Twilio wakes the worker, once a transaction and not before it has committed.
#include "pg/wake.hpp"

#include "pg/guard.hpp"
#include "pg/lookup.hpp"

namespace videoroom::api {
namespace {

HeapTuple written_row(const TriggerData *trigger)
{
    return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
}

TimestampTz start_of_room(const char *room_id)
{
    TimestampTz starts_at = GetCurrentTimestamp();  // a row may outlive its room
    pg::Table rooms = pg::open_table("room", "room_pkey");
    ScanKeyData key = pg::equals(rooms, "room_id", room_id);
    // SnapshotSelf: the very statement that books the room may ask for its call.
    pg::for_each(rooms, &key, 1, SnapshotSelf,
                 [&](HeapTuple row) { starts_at = pg::time_column(rooms, row, "starts_at", starts_at); });
    pg::close_table(rooms);
    return starts_at;
}

// A row that was written without the start of its booking gets it.
HeapTuple completed_row(const TriggerData *trigger)
{
    HeapTuple row = written_row(trigger);
    TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
    int number = SPI_fnumber(descriptor, "starts_at");
    pg::Table outbox{trigger->tg_relation, InvalidOid};
    const char *room_id = pg::text_column(outbox, row, "room_id");
    if (!heap_attisnull(row, number, descriptor) || !room_id)
        return row;
    Datum starts_at = TimestampTzGetDatum(start_of_room(room_id));
    bool null = false;
    return heap_modify_tuple_by_cols(row, descriptor, 1, &number, &starts_at, &null);
}

void wake_for(const TriggerData *trigger)
{
    HeapTuple row = written_row(trigger);
    pg::Table outbox{trigger->tg_relation, InvalidOid};
    if (!pg::has(outbox, row, "dead_at"))
        pg::wake_at_commit(pg::time_column(outbox, row, "run_at", DT_NOEND));
}

}  // namespace

// BEFORE INSERT OR UPDATE OF run_at, dead_at ON videoroom.outbox FOR EACH ROW.
VIDEOROOM_FUNCTION(videoroom_outbox_wake)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw pg::Failure(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "must be called as a trigger");
    auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    return pg::call([&] {
        wake_for(trigger);
        return PointerGetDatum(completed_row(trigger));
    });
}

// Wakes the worker, or has one started, when this transaction has committed.
VIDEOROOM_FUNCTION(videoroom_wake)
{
    pg::call([] { pg::wake_at_commit(DT_NOBEGIN); });
    return 0;
}

}  // namespace videoroom::api
