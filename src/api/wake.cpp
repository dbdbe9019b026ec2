// Whoever asks for a call to Twilio wakes the worker, once a transaction and not before it has committed.
#include "pg/wake.hpp"

#include "pg/guard.hpp"

namespace videoroom::api {
namespace {

struct Row {
    TimestampTz run_at;
    bool dead;
};

Row read_row(const TriggerData *trigger, HeapTuple tuple)
{
    TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
    bool never = true;
    bool alive = true;
    Datum run_at = SPI_getbinval(tuple, descriptor, SPI_fnumber(descriptor, "run_at"), &never);
    SPI_getbinval(tuple, descriptor, SPI_fnumber(descriptor, "dead_at"), &alive);
    return {never ? DT_NOEND : DatumGetTimestampTz(run_at), !alive};
}

}  // namespace
}  // namespace videoroom::api

// BEFORE INSERT OR UPDATE OF run_at, dead_at ON videoroom.outbox FOR EACH ROW.
VIDEOROOM_FUNCTION(videoroom_outbox_wake)
{
    using namespace videoroom;

    if (!CALLED_AS_TRIGGER(fcinfo))
        throw pg::Failure(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "must be called as a trigger");
    auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    HeapTuple tuple =
        TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
    api::Row row = pg::call([&] { return api::read_row(trigger, tuple); });
    if (!row.dead)
        pg::call([&] { pg::wake_at_commit(row.run_at); });
    return PointerGetDatum(tuple);
}

// Wakes the worker, or has one started, when this transaction has committed.
VIDEOROOM_FUNCTION(videoroom_wake)
{
    using namespace videoroom;

    pg::call([] { pg::wake_at_commit(DT_NOBEGIN); });
    return 0;
}
