#include "time.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace sim {

namespace {

std::tm broken_down(Time time)
{
    std::time_t seconds = static_cast<std::time_t>(time / second);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return parts;
}

std::string without_zone(Time time)
{
    std::tm parts = broken_down(time);
    std::array<char, 32> text{};
    std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    return std::string(text.data(), length);
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count)
{
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (i >= text.size() || text[i] < '0' || text[i] > '9')
            return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

}  // namespace

Time real_now()
{
    auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

std::string format_seconds(Time time)
{
    return without_zone(time) + "Z";
}

std::string format_milliseconds(Time time)
{
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(time % second / millisecond));
    return without_zone(time) + fraction.data();
}

std::optional<Time> parse_date_time(std::string_view text)
{
    bool date_only = text.size() == 10;
    if (!date_only &&
        (text.size() != 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z'))
        return std::nullopt;
    auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    if (!year || !month || !day || text[4] != '-' || text[7] != '-')
        return std::nullopt;
    std::tm parts{};
    parts.tm_year = *year - 1900;
    parts.tm_mon = *month - 1;
    parts.tm_mday = *day;
    if (!date_only) {
        auto hours = digits(text, 11, 2), minutes = digits(text, 14, 2), seconds = digits(text, 17, 2);
        if (!hours || !minutes || !seconds)
            return std::nullopt;
        parts.tm_hour = *hours;
        parts.tm_min = *minutes;
        parts.tm_sec = *seconds;
    }
    std::tm given = parts;
    Time time = static_cast<Time>(timegm(&parts)) * second;
    bool exists = parts.tm_mon == given.tm_mon && parts.tm_mday == given.tm_mday &&
                  parts.tm_hour == given.tm_hour && parts.tm_min == given.tm_min &&
                  parts.tm_sec == given.tm_sec;
    return exists ? std::optional(time) : std::nullopt;
}

}  // namespace sim
