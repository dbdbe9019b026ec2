// What of a booking can change without its call being disturbed.
#include "api/arguments.hpp"
#include "api/booking.hpp"
#include "api/room.hpp"
#include "core/error.hpp"
#include "core/options.hpp"

namespace videoroom::api {
namespace {

// A create that was sent may have made a session already. Under the latest snapshot: the caller's may be
// older than the lock on the room.
pg::Statement find_options{R"(
    SELECT (r.options OPERATOR(pg_catalog.||) $2::jsonb)::text,
           EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = r.room_id)
           OR EXISTS (SELECT FROM videoroom.outbox o
                       WHERE o.room_id = r.room_id AND o.action = 'create-room' AND o.sent_at IS NOT NULL)
      FROM videoroom.room r
     WHERE r.room_id = $1)"};

pg::Statement differ{"SELECT r.options <> $2::jsonb FROM videoroom.room r WHERE r.room_id = $1"};

pg::Statement change{R"(
    WITH was AS (
        SELECT r.options, r.metadata FROM videoroom.room r WHERE r.room_id = $1),
    changed AS (
        UPDATE videoroom.room r
           SET options = coalesce($2::jsonb, r.options), metadata = coalesce($3, r.metadata)
          FROM was
         WHERE r.room_id = $1
           AND (r.options <> coalesce($2::jsonb, r.options) OR r.metadata <> coalesce($3, r.metadata))
        RETURNING r.options <> was.options AS options, r.metadata <> was.metadata AS metadata)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT $1, 'updated', pg_catalog.jsonb_build_object('options', c.options, 'metadata', c.metadata)
      FROM changed c)"};

// The room's options with those that are given in their place.
std::string merge(pg::Spi &spi, const std::string &room_id, Datum given)
{
    Jsonb *options = pg::call([&] { return DatumGetJsonbP(given); });
    if (!JB_ROOT_IS_OBJECT(options))
        throw core::InvalidInput("options must be a JSON object");
    if (pg::call(
            [&] { return getKeyJsonValueFromContainer(&options->root, "metadata", 8, nullptr) != nullptr; }))
        throw core::InvalidInput("metadata is an argument of its own, and no option here");
    pg::Rows rows = spi.read_latest(find_options, {pg::text(room_id), {JSONBOID, given, false}});
    std::string merged = core::options_json(core::parse_options(*rows.text(0, 1)));
    bool made = *rows.boolean(0, 2);
    if (made && *spi.execute(differ, {pg::text(room_id), pg::text(merged)}).boolean(0, 1))
        throw core::InvalidInput("options cannot change once Twilio has made the room", "",
                                 "Twilio fixes them then. videoroom_reschedule makes another room.");
    return merged;
}

void update(const Arguments &arguments)
{
    std::string booking_id = arguments.id(0, "booking_id");
    pg::Value metadata = {JSONBOID, 0, true};
    if (arguments.given(1))
        metadata = read_metadata(arguments.datum(1, "metadata"), "metadata");

    pg::Spi spi;
    Room room = lock_open_room(spi, booking_id);
    std::optional<std::string> options;
    if (arguments.given(2))
        options = merge(spi, room.room_id, arguments.datum(2, "options"));
    spi.execute(change, {pg::text(room.room_id), pg::text_or_null(options), metadata});
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_update)
{
    update(Arguments(fcinfo));
    return 0;
}

}  // namespace videoroom::api
