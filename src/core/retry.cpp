#include "core/retry.hpp"

#include <algorithm>
#include <array>

namespace videoroom::core {
namespace {

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
constexpr int too_many_rooms = 53119;
constexpr std::array later_codes = {53103, 53116, too_many_rooms};
constexpr std::array authentication_codes = {20003, 20101, 20102, 20103, 20104,
                                             20105, 20106, 20107, 20151, 20157};
// Not active, test credentials, and so on; and of what may be about one resource: access denied, forbidden.
constexpr std::array account_codes = {10001, 20005, 20008, 20010};
constexpr std::array denial_codes = {20006, 20403, 70051};

bool ends_something(Action action)
{
    return action == Action::complete_room || action == Action::remove_participant ||
           action == Action::anonymize_participant;
}

bool reads(Action action)
{
    return action == Action::fetch_room || action == Action::list;
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
    if (contains(authentication_codes, code) || contains(account_codes, code))
        return Verdict::unauthorized;
    if (contains(denial_codes, code))
        return Verdict::denied;
    if (status == 429 || code == too_many_requests)
        return Verdict::limited;
    if (status == 401 || status == 402)
        return Verdict::unauthorized;
    if (action == Action::create_room && code == room_exists_code)
        return Verdict::room_exists;
    if (ends_something(action) && contains(already_so_codes, code))
        return Verdict::already_so;
    if (reads(action) && contains(missing_codes, code))
        return Verdict::missing;
    if (action == Action::create_room && code == too_many_rooms)
        return Verdict::full;
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

bool is_about_credentials(int code)
{
    return code == 401 || contains(authentication_codes, code);
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

}  // namespace videoroom::core
