#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace videoroom::core {

// Microseconds since the Unix epoch; also used for lengths of time. The core has no clock: whoever calls it
// brings the time.
using Time = std::int64_t;

inline constexpr Time millisecond = 1'000;
inline constexpr Time second = 1'000'000;
inline constexpr Time minute = 60 * second;
inline constexpr Time hour = 60 * minute;

// Has the moment come? One further ahead than it can have been set to comes from a clock that was set back
// since.
constexpr bool has_come(Time moment, Time now, Time furthest) noexcept
{
    return moment <= now || moment - now > furthest;
}

// Takes "2017-08-09T09:18:04.195Z", with no fraction or one of 1 to 9 digits, UTC only; what is finer than a
// microsecond is cut off. Twilio: callbacks carry milliseconds (Video status callbacks), answers of the REST
// API whole seconds. Anything else is nullopt.
std::optional<Time> parse_iso8601(std::string_view text);

// The same moment as parse_iso8601 reads it, with no fraction, milliseconds or microseconds, as needed.
std::string format_iso8601(Time time);

}  // namespace videoroom::core
