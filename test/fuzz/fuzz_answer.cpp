// Answers of Twilio's, or of whatever stands between: any bytes, no crash, no text that could not be stored.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "core/retry.hpp"
#include "core/text.hpp"
#include "core/video_api.hpp"

using namespace videoroom::core;

namespace {

void check_room(const Room &room)
{
    check(is_sid("RM", room.sid));
    check(valid_utf8(room.unique_name) && room.unique_name.find('\0') == std::string::npos);
    check(room.duration.value_or(0) >= 0);
}

void check_participant(const Participant &participant)
{
    check(is_sid("PA", participant.sid));
    check(valid_utf8(participant.identity) && participant.identity.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view body(reinterpret_cast<const char *>(data), size);
    if (const auto room = parse_room(body))
        check_room(*room);
    if (const auto participant = parse_participant(body))
        check_participant(*participant);
    if (const auto page = parse_rooms(body))
        for (const Room &room : page->elements)
            check_room(room);
    if (const auto page = parse_participants(body))
        for (const Participant &participant : page->elements)
            check_participant(participant);

    const ApiError error = parse_error(400, body);
    check(valid_utf8(error.message) && error.message.size() <= 500);
    check(valid_utf8(error.more_info) && error.more_info.size() <= 500);

    if (const auto time = parse_iso8601(body))
        check(parse_iso8601(format_iso8601(*time)) == time);
    return 0;
}
