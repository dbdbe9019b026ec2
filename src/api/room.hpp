// Rooms that are about to be changed: finding and locking them, and ending them on purpose. A room's row is
// taken FOR NO KEY UPDATE before anything of it is touched.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pg/spi.hpp"

namespace videoroom::api {

struct Room {
    std::string room_id;
    TimestampTz starts_at;
    TimestampTz opens_at;
    TimestampTz closes_at;
    bool cancelled;
    bool closed;
    bool overruns;  // a call goes on in it that may

    // Its window is over, though nobody has closed it yet.
    bool run_out() const { return !closed && !overruns && closes_at <= GetCurrentTimestamp(); }
};

// The open room of a booking, else its latest; nullopt where it never had one. The booking must be locked.
std::optional<Room> lock_current_room(pg::Spi &spi, std::string_view booking_id);

// The open room of a booking, which it locks too. Refuses with PT404 where it never had a room, with PT409
// where the latest is cancelled or over.
Room lock_open_room(pg::Spi &spi, std::string_view booking_id);

// The newest successor of a room; refuses with PT404 where there is no such room.
Room lock_newest_room(pg::Spi &spi, std::string room_id);

// Brings status, closing and outbox in step with the facts.
void settle(pg::Spi &spi, std::string_view room_id);

// After people were put out: a call in which only such are left is ended early.
void end_deserted(pg::Spi &spi, std::string_view room_id);

// Refuses with PT409 where the room is cancelled or over.
void check_open(const Room &room);

// Moves the end of its booking, and with it when it closes and its call is ended. InvalidInput for a window
// longer than a day.
void move_end(pg::Spi &spi, const Room &room, TimestampTz ends_at);

// Ends an open room for good, and a call that is going on in it.
void cancel_room(pg::Spi &spi, std::string_view room_id, const std::optional<std::string> &reason);
void end_room(pg::Spi &spi, std::string_view room_id);

// Asks for a call to Twilio at once, ahead of everything else.
void enqueue_now(pg::Spi &spi, std::string_view room_id, std::string_view action, std::string_view target);

}  // namespace videoroom::api
