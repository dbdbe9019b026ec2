// A booking as it was asked for, and the room that is made of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/arguments.hpp"
#include "pg/home.hpp"
#include "pg/spi.hpp"

namespace videoroom::api {

// When a room may be joined, and when a call still going on in it is ended.
struct Window {
    TimestampTz opens_at;
    TimestampTz closes_at;
    TimestampTz completes_at;
};

// The window of a booking under the settings of now.
Window window_of(TimestampTz starts_at, TimestampTz ends_at);

// InvalidInput unless the booking ends after its start and after now, and its window fits into a day: a
// session of Twilio's lasts 24 hours at most (Understanding Video Rooms), and so does a token.
void check_times(TimestampTz starts_at, TimestampTz ends_at, const Window &window);

struct Booking {
    std::string booking_id;
    TimestampTz starts_at;
    TimestampTz ends_at;
    Window window;
    std::vector<std::string> participants;     // sorted
    std::string options;                       // complete and canonical
    pg::Value metadata = {JSONBOID, 0, true};  // until it is given or inherited
};

// InvalidInput names one that is there twice.
void sort_participants(std::vector<std::string> &participants);

// Fills in options and metadata: a jsonb, in which "metadata" is an object whose text has at most 16 kB.
void read_options(Datum options, Booking &booking);

// A metadata that was given: an object whose text has at most 16 kB, else InvalidInput that calls it `name`.
pg::Value read_metadata(Datum metadata, const std::string &name);

// What tells a repeat of a request from another one, as videoroom.room.request has it. Options and metadata
// have columns of their own.
std::string request_json(const Booking &booking);

// Whose the rooms are, once they are this database's where nobody else claims them. Waits for a first
// booking, or for whoever is adopting them just now: so before the booking and its rooms are locked.
pg::Home claim_rooms(pg::Spi &spi);

// Held until the end of the transaction by whoever makes, moves or ends the rooms of a booking.
void lock_booking(std::string_view booking_id);

// The transaction's snapshot is older than rooms it would have to change: it must be tried again.
[[noreturn]] void refuse_stale_snapshot();

// Makes the room: row, participants, event, and the call that will make its session when the window opens.
// Gives its room_id. The predecessor, if there is one, gets it as its successor. `home` is what claim_rooms()
// gave; throws Failure 55000 in a restored copy.
std::string insert_room(pg::Spi &spi, const Booking &booking, const std::optional<std::string> &predecessor,
                        pg::Home home);

}  // namespace videoroom::api
