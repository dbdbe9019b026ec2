#include "api/arguments.hpp"
#include "api/room.hpp"
#include "core/error.hpp"

namespace videoroom::api {
namespace {

void extend(const std::string &booking_id, TimestampTz ends_at)
{
    pg::Spi spi;
    Room room = lock_open_room(spi, booking_id);
    move_end(spi, room, ends_at);
    settle(spi, room.room_id);
    end_deserted(spi, room.room_id);
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
