#include "api/arguments.hpp"
#include "core/error.hpp"
#include "core/room_id.hpp"

namespace videoroom::api {

VIDEOROOM_FUNCTION(videoroom_slot)
{
    return Int32GetDatum(core::slot(Arguments(fcinfo).id(0, "booking_id")));
}

VIDEOROOM_FUNCTION(videoroom_room_slot)
{
    int slot = core::room_slot(Arguments(fcinfo).text(0, "room_id"));
    if (slot < 0)
        throw core::InvalidInput("room_id is not one of this extension's");
    return Int32GetDatum(slot);
}

}  // namespace videoroom::api
