#include "api/room.hpp"

#include "api/booking.hpp"
#include "api/refusal.hpp"

namespace videoroom::api {
namespace {

// Under the latest snapshot, since the caller's may be older than the lock on the booking.
pg::Statement find_current{R"(
    SELECT r.room_id
      FROM videoroom.room r
     WHERE r.booking_id = $1
     ORDER BY r.closed_at IS NULL DESC, r.successor IS NULL DESC, r.created_at DESC
     LIMIT 1)"};

pg::Statement lock_by_id{R"(
    SELECT r.room_id, r.starts_at, r.opens_at, r.closes_at,
           r.cancelled_at IS NOT NULL, r.closed_at IS NOT NULL,
           r.completes_at > pg_catalog.clock_timestamp()
           AND EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = r.room_id AND s.ended_at IS NULL)
      FROM videoroom.room r
     WHERE r.room_id = $1
       FOR NO KEY UPDATE)"};

pg::Statement find_booking{"SELECT r.booking_id FROM videoroom.room r WHERE r.room_id = $1"};

pg::Statement find_successor{"SELECT r.successor FROM videoroom.room r WHERE r.room_id = $1"};

pg::Statement settle_room{"SELECT videoroom.settle_rooms(ARRAY[$1], false)"};

pg::Statement end_deserted_rooms{"SELECT videoroom.end_deserted(ARRAY[$1])"};

pg::Statement enqueue{"SELECT videoroom.enqueue($1, $2, $3, 0, pg_catalog.clock_timestamp())"};

pg::Statement cancel{R"(
    WITH room AS (
        UPDATE videoroom.room r SET cancelled_at = pg_catalog.clock_timestamp(), reason = $2
         WHERE r.room_id = $1)
    INSERT INTO videoroom.event (room_id, kind, detail)
    VALUES ($1, 'cancelled', pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('reason', $2))))"};

pg::Statement end{R"(
    WITH room AS (
        UPDATE videoroom.room r SET ended_at = pg_catalog.clock_timestamp() WHERE r.room_id = $1)
    INSERT INTO videoroom.event (room_id, kind) VALUES ($1, 'ended'))"};

// A create that was sent may have made a session already: the worker finds out, and drops the others.
pg::Statement hurry_create{R"(
    UPDATE videoroom.outbox o SET run_at = pg_catalog.clock_timestamp()
     WHERE o.room_id = $1 AND o.action = 'create-room' AND o.dead_at IS NULL
       AND o.run_at > pg_catalog.clock_timestamp())"};

pg::Statement set_end{R"(
    WITH room AS (
        UPDATE videoroom.room r SET ends_at = $2, closes_at = $3, completes_at = $4
         WHERE r.room_id = $1 AND (r.ends_at, r.closes_at, r.completes_at) <> ($2, $3, $4)
        RETURNING r.room_id),
    complete AS (
        UPDATE videoroom.outbox o SET run_at = $4
          FROM room
         WHERE o.room_id = room.room_id AND o.action = 'complete-room' AND o.dead_at IS NULL
           AND o.priority = 3 AND o.attempts = 0)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT room.room_id, 'extended', pg_catalog.jsonb_build_object('ends_at', $2) FROM room)"};

Room read_room(const pg::Rows &rows)
{
    return {*rows.text(0, 1),    *rows.timestamp(0, 2), *rows.timestamp(0, 3), *rows.timestamp(0, 4),
            *rows.boolean(0, 5), *rows.boolean(0, 6),   *rows.boolean(0, 7)};
}

void close_room(pg::Spi &spi, std::string_view room_id)
{
    spi.execute(hurry_create, {pg::text(room_id)});
    enqueue_now(spi, room_id, "complete-room", "");
    settle(spi, room_id);
}

}  // namespace

std::optional<Room> lock_current_room(pg::Spi &spi, std::string_view booking_id)
{
    pg::Rows found = spi.read_latest(find_current, {pg::text(booking_id)});
    if (found.empty())
        return std::nullopt;
    pg::Rows locked = spi.execute(lock_by_id, {pg::text(*found.text(0, 1))});
    if (locked.empty())
        refuse_stale_snapshot();
    return read_room(locked);
}

Room lock_open_room(pg::Spi &spi, std::string_view booking_id)
{
    lock_booking(booking_id);
    std::optional<Room> room = lock_current_room(spi, booking_id);
    if (!room)
        refuse(refusal::unknown_booking);
    check_open(*room);
    return *room;
}

Room lock_newest_room(pg::Spi &spi, std::string room_id)
{
    pg::Rows booking = spi.read_latest(find_booking, {pg::text(room_id)});
    if (booking.empty())
        refuse(refusal::unknown_room);
    lock_booking(*booking.text(0, 1));
    for (;;) {
        pg::Rows found = spi.read_latest(find_successor, {pg::text(room_id)});
        if (found.empty())
            refuse(refusal::unknown_room);
        auto successor = found.text(0, 1);
        if (!successor)
            break;
        room_id = *successor;
    }
    pg::Rows locked = spi.execute(lock_by_id, {pg::text(room_id)});
    if (locked.empty())
        refuse_stale_snapshot();
    return read_room(locked);
}

void settle(pg::Spi &spi, std::string_view room_id)
{
    spi.execute(settle_room, {pg::text(room_id)});
}

void end_deserted(pg::Spi &spi, std::string_view room_id)
{
    spi.execute(end_deserted_rooms, {pg::text(room_id)});
}

void check_open(const Room &room)
{
    if (room.cancelled)
        refuse(refusal::change_cancelled);
    if (room.closed || room.run_out())
        refuse(refusal::change_over);
}

void move_end(pg::Spi &spi, const Room &room, TimestampTz ends_at)
{
    Window window = window_of(room.starts_at, ends_at);
    window.opens_at = room.opens_at;
    check_times(room.starts_at, ends_at, window);
    spi.execute(set_end, {pg::text(room.room_id), pg::timestamp(ends_at), pg::timestamp(window.closes_at),
                          pg::timestamp(window.completes_at)});
}

void cancel_room(pg::Spi &spi, std::string_view room_id, const std::optional<std::string> &reason)
{
    spi.execute(cancel, {pg::text(room_id), pg::text_or_null(reason)});
    close_room(spi, room_id);
}

void end_room(pg::Spi &spi, std::string_view room_id)
{
    spi.execute(end, {pg::text(room_id)});
    close_room(spi, room_id);
}

void enqueue_now(pg::Spi &spi, std::string_view room_id, std::string_view action, std::string_view target)
{
    spi.execute(enqueue, {pg::text(room_id), pg::text(action), pg::text(target)});
}

}  // namespace videoroom::api
