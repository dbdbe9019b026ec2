// Time as the simulator counts it, and the clock that tests may push forward.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sim {

using Time = std::int64_t;  // microseconds since the Unix epoch

constexpr Time millisecond = 1000;
constexpr Time second = 1'000'000;
constexpr Time minute = 60 * second;
constexpr Time hour = 60 * minute;

/// The machine's clock, never shifted: latencies and rate limits are measured with it.
Time real_now();

/// Twilio prints whole seconds in REST answers: 2017-04-03T22:21:49Z.
std::string format_seconds(Time time);

/// Twilio prints milliseconds in status callbacks: 2017-08-09T09:18:04.195Z.
std::string format_milliseconds(Time time);

/// A list filter: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ; nothing when it is neither.
std::optional<Time> parse_date_time(std::string_view text);

/// Real time plus whatever POST /sim/clock has added.
class Clock {
public:
    Time now() const { return real_now() + offset_.load(); }
    void advance(Time by) { offset_ += by; }
    void reset() { offset_ = 0; }

private:
    std::atomic<Time> offset_{0};
};

}  // namespace sim
