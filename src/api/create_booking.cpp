#include "api/booking.hpp"
#include "api/refusal.hpp"
#include "api/room.hpp"
#include "pg/lookup.hpp"

namespace videoroom::api {
namespace {

// Has there been a room of that booking? Nearly always not: the index says so for a tenth of what a statement
// costs.
bool was_booked(const Booking &booking)
{
    return pg::call(
        [&] { return pg::exists("room", "room_booking", "booking_id", booking.booking_id.c_str()); });
}

// Its open room if there is one, else its latest: clocks may be set back, so whose place another took is not.
// Under the latest snapshot, since the caller's may be older than the lock on the booking.
pg::Statement find_latest{R"(
    SELECT r.room_id, r.closed_at IS NULL, r.closes_at <= pg_catalog.clock_timestamp(),
           r.request = $2::jsonb AND r.options = $3::jsonb AND r.metadata = $4,
           r.successor IS NULL
           AND (r.cancelled_at IS NOT NULL OR r.ended_at IS NULL AND r.status = 'expired')
      FROM videoroom.room r
     WHERE r.booking_id = $1
     ORDER BY r.closed_at IS NULL DESC, r.successor IS NULL DESC, r.created_at DESC
     LIMIT 1)"};

Booking read_booking(const Arguments &arguments)
{
    Booking booking;
    booking.booking_id = arguments.id(0, "booking_id");
    booking.starts_at = arguments.time(1, "starts_at");
    booking.ends_at = arguments.time(2, "ends_at");
    booking.window = window_of(booking.starts_at, booking.ends_at);
    check_times(booking.starts_at, booking.ends_at, booking.window);
    booking.participants = arguments.users(3, "participants");
    sort_participants(booking.participants);
    read_options(arguments.given(4) ? arguments.datum(4, "options") : pg::jsonb("{}").datum, booking);
    return booking;
}

pg::Rows latest_room(pg::Spi &spi, const Booking &booking)
{
    return spi.read_latest(find_latest, {pg::text(booking.booking_id), pg::text(request_json(booking)),
                                         pg::text(booking.options), booking.metadata});
}

std::string create_booking(const Booking &booking)
{
    pg::Spi spi;
    pg::Home home = claim_rooms(spi);
    lock_booking(booking.booking_id);
    if (!was_booked(booking))
        return insert_room(spi, booking, std::nullopt, home);
    pg::Rows latest = latest_room(spi, booking);
    if (!latest.empty() && *latest.boolean(0, 2) && *latest.boolean(0, 3)) {
        lock_current_room(spi, booking.booking_id);
        settle(spi, *latest.text(0, 1));
        latest = latest_room(spi, booking);
    }
    if (latest.empty())
        return insert_room(spi, booking, std::nullopt, home);

    std::string room_id = *latest.text(0, 1);
    if (*latest.boolean(0, 2)) {
        if (!*latest.boolean(0, 4))
            refuse(refusal::already_booked, "room_id", room_id);
        return room_id;
    }
    bool inherits = *latest.boolean(0, 5);
    return insert_room(spi, booking, inherits ? std::optional(room_id) : std::nullopt, home);
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_create_booking)
{
    std::string room_id = create_booking(read_booking(Arguments(fcinfo)));
    return pg::text(room_id).datum;
}

}  // namespace videoroom::api
