#include "core/retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace videoroom::core {
namespace {

constexpr Time longest_pause = hour;

template <std::size_t size>
bool contains(const std::array<int, size> &codes, int code)
{
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Twilio: Error and warning dictionary.
constexpr int room_exists_code = 53113;
constexpr int too_many_requests = 20429;
constexpr int service_unavailable = 20503;
constexpr std::array already_so_codes = {20404, 53106, 53112, 53118, 53204};
constexpr std::array missing_codes = {20404, 53106};
constexpr std::array later_codes = {53103, 53116, 53119};
constexpr std::array authentication_codes = {20003, 20101, 20102, 20103, 20104,
                                             20105, 20106, 20107, 20151, 20157};

bool ends_something(Action action)
{
    return action == Action::complete_room || action == Action::remove_participant ||
           action == Action::anonymize_participant;
}

bool reads(Action action)
{
    return action == Action::fetch_room || action == Action::list;
}

// A number of exactly `digits` digits.
std::optional<int> number(std::string_view text, std::size_t at, std::size_t digits)
{
    int value = 0;
    const std::string_view piece = text.substr(at, digits);
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
    if (error != std::errc() || end != piece.data() + digits || piece.front() == '-')
        return std::nullopt;
    return value;
}

// RFC 9110: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<Time> parse_http_date(std::string_view text)
{
    constexpr std::string_view shape = "Sun, 06 Nov 1994 08:49:37 GMT";
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() != shape.size() || !text.ends_with(" GMT") || text.substr(3, 2) != ", " ||
        text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':')
        return std::nullopt;
    const auto month = months.find(text.substr(8, 3));
    const auto day = number(text, 5, 2);
    const auto year = number(text, 12, 4);
    const auto hours = number(text, 17, 2);
    const auto minutes = number(text, 20, 2);
    const auto seconds = number(text, 23, 2);
    if (month == std::string_view::npos || month % 3 != 0 || !day || !year || !hours || !minutes || !seconds)
        return std::nullopt;
    const auto moment = utc_seconds(*year, static_cast<int>(month / 3) + 1, *day, *hours, *minutes, *seconds);
    return moment ? std::optional(*moment * second) : std::nullopt;
}

std::optional<Time> parse_seconds(std::string_view text, Time now)
{
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return now + seconds * second;
}

}  // namespace

Verdict judge(Action action, const Outcome &outcome)
{
    if (outcome.transport != Transport::answered)
        return Verdict::account;
    const long status = outcome.status;
    const int code = outcome.code;
    if (status >= 200 && status < 300)
        return Verdict::done;
    if (status == 429 || code == too_many_requests)
        return Verdict::limited;
    if (status == 401 || contains(authentication_codes, code))
        return Verdict::unauthorized;
    if (action == Action::create_room && code == room_exists_code)
        return Verdict::room_exists;
    if (ends_something(action) && contains(already_so_codes, code))
        return Verdict::already_so;
    if (reads(action) && contains(missing_codes, code))
        return Verdict::missing;
    if (contains(later_codes, code))
        return Verdict::later;
    if (status >= 500 || status == 408 || status < 200 || code == service_unavailable)
        return Verdict::account;
    if (status == 404 && ends_something(action))
        return Verdict::already_so;
    if (status == 404 && reads(action))
        return Verdict::missing;
    if (status < 400 || status == 409 || code == 0)
        return Verdict::later;
    return Verdict::permanent;
}

bool may_have_arrived(const Outcome &outcome)
{
    if (outcome.transport != Transport::answered)
        return outcome.transport == Transport::lost;
    const bool refused = outcome.status >= 400 && outcome.status < 500;
    return !refused || outcome.status == 408;
}

Time backoff(int attempts, Time cap, double random01)
{
    const int doublings = std::clamp(attempts - 1, 0, 32);
    const Time longest = std::min(cap, second << doublings);
    return static_cast<Time>(static_cast<double>(longest) * std::clamp(random01, 0.0, 1.0));
}

std::optional<Time> parse_retry_after(std::string_view header, Time now)
{
    const auto space = [](char c) { return c == ' ' || c == '\t'; };
    while (!header.empty() && space(header.front()))
        header.remove_prefix(1);
    while (!header.empty() && space(header.back()))
        header.remove_suffix(1);
    auto moment = parse_seconds(header, now);
    if (!moment)
        moment = parse_http_date(header);
    if (!moment)
        return std::nullopt;
    return std::clamp(*moment, now, now + longest_pause);
}

}  // namespace videoroom::core
