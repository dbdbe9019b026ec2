#include "api/arguments.hpp"
#include "api/booking.hpp"
#include "api/refusal.hpp"
#include "api/room.hpp"
#include "core/error.hpp"

namespace videoroom::api {
namespace {

pg::Statement move_end{R"(
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

void extend(const std::string &booking_id, TimestampTz ends_at)
{
    pg::Spi spi;
    lock_booking(booking_id);
    std::optional<Room> room = lock_current_room(spi, booking_id);
    if (!room)
        refuse(refusal::unknown_booking);
    check_open(*room);

    Window window = window_of(room->starts_at, ends_at);
    window.opens_at = room->opens_at;
    check_times(room->starts_at, ends_at, window);
    spi.execute(move_end, {pg::text(room->room_id), pg::timestamp(ends_at), pg::timestamp(window.closes_at),
                           pg::timestamp(window.completes_at)});
    settle(spi, room->room_id);
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_extend)
{
    Arguments arguments(fcinfo);
    std::string booking_id = arguments.id(0, "booking_id");
    TimestampTz ends_at = arguments.time(1, "ends_at");
    if (ends_at <= GetCurrentTimestamp())
        throw core::InvalidInput("ends_at must be later than now");
    extend(booking_id, ends_at);
    return 0;
}

}  // namespace videoroom::api
