// Rows of ours that PL/pgSQL writes for callbacks: an INSERT of its own takes a fifth longer, for starting
// the executor.
#include "pg/insert.hpp"

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
