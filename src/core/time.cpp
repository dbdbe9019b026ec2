#include "core/time.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace videoroom::core {
namespace {

// A number of exactly `digits` digits at `at`; -1 if there is none.
int number(std::string_view text, std::size_t at, std::size_t digits)
{
    if (at + digits > text.size())
        return -1;
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

// The text between the seconds and the Z, as microseconds.
std::optional<Time> fraction(std::string_view text)
{
    if (text.empty())
        return 0;
    if (text[0] != '.' || text.size() < 2 || text.size() > 10)
        return std::nullopt;
    Time value = 0;
    Time unit = second / 10;
    for (char c : text.substr(1)) {
        if (c < '0' || c > '9')
            return std::nullopt;
        value += (c - '0') * unit;
        unit /= 10;
    }
    return value;
}

// Seconds since the epoch; nullopt where there is no such day or time.
std::optional<std::int64_t> utc_seconds(int year, int month, int day, int hours, int minutes, int seconds)
{
    if (year < 1 || year > 9999 || month < 1 || day < 1 || hours < 0 || minutes < 0 || seconds < 0)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59)
        return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    return ((std::int64_t{days} * 24 + hours) * 60 + minutes) * 60 + seconds;
}

}  // namespace

std::optional<Time> parse_iso8601(std::string_view text)
{
    constexpr std::string_view shape = "0000-00-00T00:00:00";
    if (text.size() < shape.size() + 1 || text.back() != 'Z')
        return std::nullopt;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] != '0' && text[i] != shape[i])
            return std::nullopt;
    const auto whole = utc_seconds(number(text, 0, 4), number(text, 5, 2), number(text, 8, 2),
                                   number(text, 11, 2), number(text, 14, 2), number(text, 17, 2));
    const auto part = fraction(text.substr(shape.size(), text.size() - shape.size() - 1));
    if (!whole || !part)
        return std::nullopt;
    return *whole * second + *part;
}

std::string format_iso8601(Time time)
{
    using namespace std::chrono;
    const sys_time<microseconds> moment{microseconds(time)};
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss<microseconds> clock(moment - day);
    const long micros = static_cast<long>(clock.subseconds().count());

    std::array<char, 64> text{};
    const int length =
        std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    std::string result(text.data(), static_cast<std::size_t>(length));
    if (micros != 0) {
        const bool milliseconds_will_do = micros % 1000 == 0;
        std::snprintf(text.data(), text.size(), milliseconds_will_do ? ".%03ld" : ".%06ld",
                      milliseconds_will_do ? micros / 1000 : micros);
        result += text.data();
    }
    return result + 'Z';
}

}  // namespace videoroom::core
