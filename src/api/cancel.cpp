#include "api/arguments.hpp"
#include "api/booking.hpp"
#include "api/refusal.hpp"
#include "api/room.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace videoroom::api {
namespace {

constexpr std::size_t longest_reason = 500;

void check_reason(const std::optional<std::string> &reason)
{
    if (!reason)
        return;
    if (reason->size() > longest_reason)
        throw core::InvalidInput("reason must not be longer than 500 bytes");
    if (!core::valid_utf8(*reason))
        throw core::InvalidInput("reason is not valid UTF-8");
}

void cancel_booking(const std::string &booking_id, const std::optional<std::string> &reason)
{
    pg::Spi spi;
    lock_booking(booking_id);
    std::optional<Room> room = lock_current_room(spi, booking_id);
    if (!room)
        refuse(refusal::unknown_booking);
    if (room->run_out())
        settle(spi, room->room_id);
    else if (!room->closed)
        cancel_room(spi, room->room_id, reason);
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_cancel)
{
    Arguments arguments(fcinfo);
    std::string booking_id = arguments.id(0, "booking_id");
    std::optional<std::string> reason = arguments.optional_text(1);
    check_reason(reason);
    cancel_booking(booking_id, reason);
    return 0;
}

}  // namespace videoroom::api
