#include "api/booking.hpp"
#include "api/participants.hpp"
#include "api/refusal.hpp"
#include "api/room.hpp"

namespace videoroom::api {
namespace {

// What the room was asked to be: is it this? NULL matches anything.
pg::Statement compare{R"(
    SELECT r.request ->> 'starts_at' = $2::jsonb ->> 'starts_at'
           AND r.request ->> 'ends_at' = $2::jsonb ->> 'ends_at'
           AND ($3 OR r.request -> 'participants' = $2::jsonb -> 'participants')
           AND ($4::jsonb IS NULL OR r.options = $4::jsonb AND r.metadata = $5)
      FROM videoroom.room r
     WHERE r.room_id = $1)"};

pg::Statement find_options{
    "SELECT r.options::text, r.metadata::text FROM videoroom.room r WHERE r.room_id = $1"};

pg::Statement find_people{R"(
    SELECT p.user_id FROM videoroom.participant p
     WHERE p.room_id = $1 AND p.removed_at IS NULL
     ORDER BY p.user_id)"};

pg::Statement note{R"(
    INSERT INTO videoroom.event (room_id, kind, detail)
    VALUES ($1, 'rescheduled', pg_catalog.jsonb_build_object('successor', $2)))"};

// With the same start and nothing else of what Twilio fixes when it makes a room.
pg::Statement can_stay{R"(
    SELECT r.starts_at = $2 AND ($3::jsonb IS NULL OR r.options = $3::jsonb)
      FROM videoroom.room r WHERE r.room_id = $1)"};

pg::Statement find_others{R"(
    SELECT p.user_id FROM videoroom.participant p
     WHERE p.room_id = $1 AND p.removed_at IS NULL AND p.user_id <> ALL ($2)
     ORDER BY p.user_id)"};

pg::Statement change{R"(
    WITH room AS (
        UPDATE videoroom.room r
           SET request = CASE WHEN $3 THEN r.request || ($2::jsonb - 'participants') ELSE $2::jsonb END,
               metadata = coalesce($4, r.metadata)
         WHERE r.room_id = $1)
    INSERT INTO videoroom.event (room_id, kind) VALUES ($1, 'rescheduled'))"};

struct Wish {
    Booking booking;
    bool keep_participants;
    bool keep_options;
};

Wish read_wish(const Arguments &arguments)
{
    Wish wish;
    Booking &booking = wish.booking;
    booking.booking_id = arguments.id(0, "booking_id");
    booking.starts_at = arguments.time(1, "starts_at");
    booking.ends_at = arguments.time(2, "ends_at");
    booking.window = window_of(booking.starts_at, booking.ends_at);
    check_times(booking.starts_at, booking.ends_at, booking.window);
    wish.keep_participants = !arguments.given(3);
    if (!wish.keep_participants) {
        booking.participants = arguments.users(3, "participants");
        sort_participants(booking.participants);
    }
    wish.keep_options = !arguments.given(4);
    if (!wish.keep_options)
        read_options(arguments.datum(4, "options"), booking);
    return wish;
}

std::optional<std::string> wished_options(const Wish &wish)
{
    return wish.keep_options ? std::nullopt : std::optional(wish.booking.options);
}

bool fulfilled(pg::Spi &spi, const Room &room, const Wish &wish)
{
    const Booking &booking = wish.booking;
    pg::Rows rows = spi.execute(compare, {pg::text(room.room_id), pg::text(request_json(booking)),
                                          pg::boolean(wish.keep_participants),
                                          pg::text_or_null(wished_options(wish)), booking.metadata});
    return *rows.boolean(0, 1);
}

void inherit(pg::Spi &spi, const Room &room, Wish &wish)
{
    Booking &booking = wish.booking;
    if (wish.keep_participants) {
        booking.participants = spi.read_latest(find_people, {pg::text(room.room_id)}).texts();
        check_participant_count(booking.participants.size());
    }
    if (wish.keep_options) {
        pg::Rows rows = spi.execute(find_options, {pg::text(room.room_id)});
        booking.options = *rows.text(0, 1);
        booking.metadata = pg::jsonb(*rows.text(0, 2));
    }
}

bool can_keep(pg::Spi &spi, const Room &room, const Wish &wish)
{
    return *spi.execute(can_stay, {pg::text(room.room_id), pg::timestamp(wish.booking.starts_at),
                                   pg::text_or_null(wished_options(wish))})
                .boolean(0, 1);
}

// The room and its call stay: its end, people and metadata become what is wished.
void change_in_place(pg::Spi &spi, const Room &room, const Wish &wish)
{
    const Booking &booking = wish.booking;
    move_end(spi, room, booking.ends_at);
    if (!wish.keep_participants) {
        pg::Rows others =
            spi.read_latest(find_others, {pg::text(room.room_id), pg::text_array(booking.participants)});
        for (const std::string &user : others.texts())
            if (put_out(spi, room.room_id, user) == Removal::unknown)
                refuse_stale_snapshot();
        invite(spi, room.room_id, booking.participants);
    }
    spi.execute(change, {pg::text(room.room_id), pg::text(request_json(booking)),
                         pg::boolean(wish.keep_participants), booking.metadata});
    settle(spi, room.room_id);
    end_deserted(spi, room.room_id);
}

std::string reschedule(Wish wish)
{
    pg::Spi spi;
    pg::Home home = claim_rooms(spi);
    lock_booking(wish.booking.booking_id);
    std::optional<Room> room = lock_current_room(spi, wish.booking.booking_id);
    if (!room)
        refuse(refusal::unknown_booking);
    bool open = !room->closed && !room->run_out();
    if (open && fulfilled(spi, *room, wish))
        return room->room_id;
    if (open && can_keep(spi, *room, wish)) {
        change_in_place(spi, *room, wish);
        return room->room_id;
    }

    inherit(spi, *room, wish);
    if (open)
        cancel_room(spi, room->room_id, "rescheduled");
    else if (!room->closed)
        settle(spi, room->room_id);
    std::string room_id = insert_room(spi, wish.booking, room->room_id, home);
    spi.execute(note, {pg::text(room->room_id), pg::text(room_id)});
    return room_id;
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_reschedule)
{
    std::string room_id = reschedule(read_wish(Arguments(fcinfo)));
    return pg::text(room_id).datum;
}

}  // namespace videoroom::api
