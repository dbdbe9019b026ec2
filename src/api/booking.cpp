#include "api/booking.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/options.hpp"
#include "core/room_id.hpp"
#include "pg/named_lock.hpp"
#include "pg/settings.hpp"

namespace videoroom::api {
namespace {

constexpr std::size_t metadata_limit = 16384;

pg::Statement insert{R"(
    WITH room AS (
        INSERT INTO videoroom.room (room_id, booking_id, starts_at, ends_at,
                                    opens_at, closes_at, completes_at, options, metadata, request)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)),
    people AS (
        INSERT INTO videoroom.participant (room_id, user_id)
        SELECT $1, u.user_id FROM pg_catalog.unnest($11) u (user_id)),
    event AS (
        INSERT INTO videoroom.event (room_id, kind) VALUES ($1, 'booked'))
    INSERT INTO videoroom.outbox (room_id, action, run_at, starts_at)
    VALUES ($1, 'create-room', greatest($5, pg_catalog.clock_timestamp()), $3))"};

pg::Statement link_predecessor{"UPDATE videoroom.room SET successor = $2 WHERE room_id = $1"};

std::string new_room_id(std::string_view booking_id)
{
    std::array<unsigned char, 32> random;
    if (!pg_strong_random(random.data(), random.size()))
        throw pg::Failure(ERRCODE_INTERNAL_ERROR, "could not generate a random room_id");
    return core::make_room_id(booking_id, random);
}

void check_ours(pg::Home home)
{
    if (home != pg::Home::ours)
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the rooms belong to another database",
                          "This is a copy of theirs: a restored dump, or a database made from a template.",
                          "Run SELECT videoroom_adopt(true) to take them over, or "
                          "SELECT videoroom_adopt(false) to leave them to the other.");
}

const char *text_of(Jsonb *json)
{
    return JsonbToCString(nullptr, &json->root, VARSIZE(json));
}

struct Options {
    const char *text = nullptr;  // but for the metadata
    Jsonb *metadata = nullptr;
};

// Metadata stays as the server has it: its numbers may be larger than any that JSON libraries hold.
Options take_apart(Jsonb *given)
{
    constexpr std::string_view key = "metadata";
    Options options;
    JsonbValue *metadata = JB_ROOT_IS_OBJECT(given)
                               ? getKeyJsonValueFromContainer(&given->root, key.data(), key.size(), nullptr)
                               : nullptr;
    if (metadata) {
        options.metadata = JsonbValueToJsonb(metadata);
        given = DatumGetJsonbP(
            DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(given), CStringGetTextDatum(key.data())));
    }
    options.text = text_of(given);
    return options;
}

}  // namespace

Window window_of(TimestampTz starts_at, TimestampTz ends_at)
{
    namespace settings = pg::settings;
    return {starts_at - settings::join_early * USECS_PER_SEC, ends_at + settings::join_grace * USECS_PER_SEC,
            // A call must not end while it can be joined.
            ends_at + std::max(settings::end_after, settings::join_grace) * USECS_PER_SEC};
}

void check_times(TimestampTz starts_at, TimestampTz ends_at, const Window &window)
{
    constexpr TimestampTz year_10000 = pg::to_server(253'402'300'800 * core::second);
    const TimestampTz last = std::max(window.closes_at, window.completes_at);

    if (ends_at <= starts_at)
        throw core::InvalidInput("ends_at must be later than starts_at");
    if (ends_at <= GetCurrentTimestamp())
        throw core::InvalidInput("ends_at must be later than now");
    if (last >= year_10000)
        throw core::InvalidInput("ends_at must be before the year 10000");
    if (last - window.opens_at > USECS_PER_DAY)
        throw core::InvalidInput(
            "the window of a booking must not be longer than 24 hours", "",
            "It begins videoroom.join_early before starts_at and ends videoroom.join_grace "
            "or videoroom.end_after, whichever is longer, after ends_at.");
}

void sort_participants(std::vector<std::string> &participants)
{
    std::sort(participants.begin(), participants.end());
    auto twice = std::adjacent_find(participants.begin(), participants.end());
    if (twice != participants.end())
        throw core::InvalidInput("participant \"" + *twice + "\" is given twice");
}

pg::Value read_metadata(Datum metadata, const std::string &name)
{
    Jsonb *given = pg::call([&] { return DatumGetJsonbP(metadata); });
    if (!JB_ROOT_IS_OBJECT(given))
        throw core::InvalidInput(name + " must be a JSON object");
    if (pg::call([&] { return strlen(text_of(given)); }) > metadata_limit)
        throw core::InvalidInput(name + " must be at most 16 kB");
    return {JSONBOID, JsonbPGetDatum(given), false};
}

void read_options(Datum options, Booking &booking)
{
    const Options given = pg::call([&] { return take_apart(DatumGetJsonbP(options)); });
    booking.metadata = given.metadata ? read_metadata(JsonbPGetDatum(given.metadata), "option \"metadata\"")
                                      : pg::jsonb("{}");
    booking.options = core::options_json(core::parse_options(given.text));
}

// Written out: of a tree of JSON values it takes five times as long.
std::string request_json(const Booking &booking)
{
    std::string people;
    for (const std::string &user : booking.participants)
        people += (people.empty() ? "" : ",") + core::Json::quoted(user);
    return "{\"starts_at\":\"" + pg::format_time(booking.starts_at) + "\",\"ends_at\":\"" +
           pg::format_time(booking.ends_at) + "\",\"participants\":[" + people + "]}";
}

pg::Home claim_rooms(pg::Spi &spi)
{
    pg::Home home = pg::home();
    if (home == pg::Home::ours)
        return home;
    pg::claim_home(spi);
    return pg::home();
}

void lock_booking(std::string_view booking_id)
{
    pg::call([&] { pg::lock_name(pg::LockClass::booking, booking_id); });
}

void refuse_stale_snapshot()
{
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                      "could not serialize access due to concurrent booking");
}

std::string insert_room(pg::Spi &spi, const Booking &booking, const std::optional<std::string> &predecessor,
                        pg::Home home)
{
    check_ours(home);
    std::string room_id = new_room_id(booking.booking_id);
    const Window &window = booking.window;
    spi.execute(insert, {pg::text(room_id), pg::text(booking.booking_id), pg::timestamp(booking.starts_at),
                         pg::timestamp(booking.ends_at), pg::timestamp(window.opens_at),
                         pg::timestamp(window.closes_at), pg::timestamp(window.completes_at),
                         pg::jsonb(booking.options), booking.metadata, pg::jsonb(request_json(booking)),
                         pg::text_array(booking.participants)});
    if (predecessor &&
        spi.execute(link_predecessor, {pg::text(*predecessor), pg::text(room_id)}).count() == 0 &&
        IsolationUsesXactSnapshot())
        refuse_stale_snapshot();
    return room_id;
}

}  // namespace videoroom::api
