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
// about it, or if the reconciler, which does not wait for who holds the room, stamps it too.
VIDEOROOM_FUNCTION(videoroom_stamp_session)
{
    using namespace videoroom;

    return pg::call([&] {
        PreventCommandIfReadOnly("UPDATE");
        const char *room_id = TextDatumGetCString(PG_GETARG_DATUM(0));
        TimestampTz alive_at = PG_GETARG_TIMESTAMPTZ(2);
        pg::Table sessions = pg::open_table("session", "session_pkey", RowExclusiveLock);
        ScanKeyData key = pg::equals(sessions, "room_sid", TextDatumGetCString(PG_GETARG_DATUM(1)));
        bool open = false;
        fcinfo->isnull = true;
        pg::for_each(sessions, &key, 1, [&](HeapTuple row) {
            bool another_rooms = strcmp(pg::text_column(sessions, row, "room_id"), room_id) != 0;
            if (another_rooms || pg::has(sessions, row, "lost_at"))
                return;
            open = !pg::has(sessions, row, "ended_at");
            bool newer = pg::time_column(sessions, row, "seen_alive_at", DT_NOBEGIN) < alive_at;
            fcinfo->isnull = newer && !pg::update(sessions, row, "seen_alive_at", pg::timestamp(alive_at));
        });
        pg::close_table(sessions);
        return BoolGetDatum(open);
    });
}
