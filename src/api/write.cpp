// Rows of ours that PL/pgSQL writes for callbacks: a statement of its own takes longer, for starting the
// executor.
#include "pg/write.hpp"

#include "pg/guard.hpp"

namespace videoroom::api {
namespace {

pg::Value argument(FunctionCallInfo fcinfo, int number, Oid type)
{
    return {type, fcinfo->args[number].value, fcinfo->args[number].isnull};
}

// A session as callbacks ask about it.
struct Session {
    bool of_room;
    bool lost;
    bool open;
    TimestampTz seen_alive_at;
};

Session read_session(const pg::Table &sessions, HeapTuple row, const char *room_id)
{
    return {strcmp(pg::text_column(sessions, row, "room_id"), room_id) == 0,
            pg::has(sessions, row, "lost_at"), !pg::has(sessions, row, "ended_at"),
            pg::time_column(sessions, row, "seen_alive_at", DT_NOBEGIN)};
}

}  // namespace
}  // namespace videoroom::api

// note_event(room_id, kind, detail): gives its number.
VIDEOROOM_FUNCTION(videoroom_note_event)
{
    using namespace videoroom;

    pg::Value id = pg::next_value("event_id_seq");
    pg::insert("event", {"id", "room_id", "at", "kind", "detail"},
               {id, api::argument(fcinfo, 0, TEXTOID), pg::timestamp(GetCurrentTimestamp()),
                api::argument(fcinfo, 1, TEXTOID), api::argument(fcinfo, 2, JSONBOID)});
    return id.datum;
}

// insert_connection(participant_sid, room_sid, user_id, connected_callback, connected_rest,
// disconnected_callback, disconnected_rest, duration): gives true.
VIDEOROOM_FUNCTION(videoroom_insert_connection)
{
    using namespace videoroom;

    std::vector<pg::Value> values;
    for (Oid type :
         {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID})
        values.push_back(api::argument(fcinfo, static_cast<int>(values.size()), type));
    pg::insert("connection",
               {"participant_sid", "room_sid", "user_id", "connected_callback", "connected_rest",
                "disconnected_callback", "disconnected_rest", "duration"},
               values);
    return BoolGetDatum(true);
}

// stamp_session(room_id, room_sid, alive_at): gives whether it is open; NULL if merge_session has more to do
// about it. Its room is held: only the reconciler may change it meanwhile, to say that it is alive.
VIDEOROOM_FUNCTION(videoroom_stamp_session)
{
    using namespace videoroom;

    return pg::call([&] {
        PreventCommandIfReadOnly("UPDATE");
        const char *room_id = TextDatumGetCString(PG_GETARG_DATUM(0));
        TimestampTz alive_at = PG_GETARG_TIMESTAMPTZ(2);
        pg::Table sessions = pg::open_table("session", "session_pkey", RowExclusiveLock);
        TupleTableSlot *slot = table_slot_create(sessions.relation, nullptr);
        ScanKeyData key = pg::equals(sessions, "room_sid", TextDatumGetCString(PG_GETARG_DATUM(1)));
        api::Session session{};
        bool newer = false;
        pg::for_each(sessions, &key, 1, [&](HeapTuple row) {
            session = api::read_session(sessions, row, room_id);
            newer = session.of_room && !session.lost && session.seen_alive_at < alive_at &&
                    pg::lock_row(sessions, row->t_self, slot);
        });
        if (newer) {
            session = api::read_session(sessions, ExecFetchSlotHeapTuple(slot, false, nullptr), room_id);
            if (session.seen_alive_at < alive_at)
                pg::update(sessions, slot, "seen_alive_at", pg::timestamp(alive_at));
        }
        ExecDropSingleTupleTableSlot(slot);
        pg::close_table(sessions);
        fcinfo->isnull = !session.of_room || session.lost;
        return BoolGetDatum(session.open);
    });
}
