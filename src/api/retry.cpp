#include "api/arguments.hpp"
#include "api/refusal.hpp"
#include "pg/spi.hpp"

namespace videoroom::api {
namespace {

pg::Statement find_call{"SELECT FROM videoroom.outbox o WHERE o.id = $1"};

pg::Statement lock_room{R"(
    SELECT r.room_id FROM videoroom.room r
     WHERE r.room_id IN (SELECT o.room_id FROM videoroom.outbox o WHERE o.dead_at IS NOT NULL AND o.id = $1)
       FOR NO KEY UPDATE)"};

// Rooms in other hands are left out: who holds one may want another of these next.
pg::Statement lock_rooms{R"(
    SELECT r.room_id FROM videoroom.room r
     WHERE $1::bigint IS NULL
       AND r.room_id IN (SELECT o.room_id FROM videoroom.outbox o WHERE o.dead_at IS NOT NULL)
       FOR NO KEY UPDATE SKIP LOCKED)"};

// Of several that ask for the same the latest; none that was asked for again since. Without what it died of,
// which the event keeps: of that it would die again after a crash, with nobody having refused it.
pg::Statement requeue{R"(
    WITH dead AS (
        SELECT DISTINCT ON (o.room_id, o.action, o.target) o.id
          FROM videoroom.outbox o
         WHERE o.dead_at IS NOT NULL AND ($1::bigint IS NULL OR o.id = $1) AND o.room_id = ANY ($2)
           AND NOT EXISTS (SELECT FROM videoroom.outbox twin
                            WHERE twin.room_id = o.room_id AND twin.action = o.action
                              AND twin.target = o.target AND twin.dead_at IS NULL)
         ORDER BY o.room_id, o.action, o.target, o.id DESC),
    requeued AS (
        UPDATE videoroom.outbox o
           SET dead_at = NULL, attempts = 0, last_error = NULL, run_at = pg_catalog.clock_timestamp()
          FROM dead
         WHERE o.id = dead.id
        RETURNING o.id, o.room_id, o.action)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT requeued.room_id, 'retried',
           pg_catalog.jsonb_build_object('outbox_id', requeued.id, 'action', requeued.action)
      FROM requeued)"};

int64 retry(std::optional<int64> id)
{
    pg::Spi spi;
    pg::Value which{INT8OID, Int64GetDatum(id.value_or(0)), !id};
    if (id && spi.execute(find_call, {which}).empty())
        refuse(refusal::unknown_call);
    std::vector<std::string> rooms = spi.execute(id ? lock_room : lock_rooms, {which}).texts();
    return static_cast<int64>(spi.execute(requeue, {which, pg::text_array(rooms)}).count());
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_retry)
{
    Arguments arguments(fcinfo);
    return Int64GetDatum(retry(arguments.given(0) ? std::optional(PG_GETARG_INT64(0)) : std::nullopt));
}

}  // namespace videoroom::api
