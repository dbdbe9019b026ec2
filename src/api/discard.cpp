#include "api/arguments.hpp"
#include "api/refusal.hpp"
#include "pg/spi.hpp"

namespace videoroom::api {
namespace {

pg::Statement lock_room{R"(
    SELECT FROM videoroom.room r
     WHERE r.room_id = (SELECT o.room_id FROM videoroom.outbox o WHERE o.id = $1)
       FOR NO KEY UPDATE)"};

pg::Statement find_call{"SELECT o.dead_at IS NOT NULL FROM videoroom.outbox o WHERE o.id = $1"};

pg::Statement drop{R"(
    WITH dropped AS (
        DELETE FROM videoroom.outbox o WHERE o.id = $1 AND o.dead_at IS NOT NULL
        RETURNING o.id, o.room_id, o.action, o.target, o.last_error)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT d.room_id, 'discarded', pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
               'outbox_id', d.id, 'action', d.action, 'target', nullif(d.target, ''),
               'last_error', d.last_error))
      FROM dropped d)"};

// With the room's lock held, as whoever else writes the outbox does.
void discard(int64 id)
{
    pg::Spi spi;
    spi.execute(lock_room, {pg::bigint(id)});
    pg::Rows call = spi.execute(find_call, {pg::bigint(id)});
    if (call.empty())
        refuse(refusal::unknown_call);
    if (!*call.boolean(0, 1))
        refuse(refusal::call_alive);
    spi.execute(drop, {pg::bigint(id)});
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_discard)
{
    if (!Arguments(fcinfo).given(0))
        throw core::InvalidInput("outbox_id must not be null");
    discard(PG_GETARG_INT64(0));
    return 0;
}

}  // namespace videoroom::api
