#include "api/arguments.hpp"
#include "api/room.hpp"

namespace videoroom::api {
namespace {

void end_newest(const std::string &room_id)
{
    pg::Spi spi;
    Room room = lock_newest_room(spi, room_id);
    if (room.run_out())
        settle(spi, room.room_id);
    else if (!room.closed)
        end_room(spi, room.room_id);
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_end)
{
    end_newest(Arguments(fcinfo).id(0, "room_id"));
    return 0;
}

}  // namespace videoroom::api
