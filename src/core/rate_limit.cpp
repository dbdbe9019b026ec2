#include "core/rate_limit.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace videoroom::core {
namespace {

static_assert(std::is_standard_layout_v<TokenBucket> && std::is_trivially_copyable_v<TokenBucket>);
static_assert(std::is_standard_layout_v<Breaker> && std::is_trivially_copyable_v<Breaker>);

constexpr double rounding = 1e-6;  // of a token

constexpr int failures_to_open = 5;
constexpr int most_doublings = 5;  // 1 s to 32 s, cut to the next
constexpr Time longest_opening = 30 * second;
constexpr Time probe_limit = 2 * minute;
constexpr Time unauthorized_pause = minute;
constexpr Time longest_pause = hour;
constexpr Time shortest_pause = second;
constexpr Time between_probes = second;  // of the limit of rooms

// Calls that leave a second apart may arrive a little closer.
constexpr double used_of_quota = 0.95;

// A full bucket and what is refilled in the second after it make the quota: any second then keeps to it.
double refill_rate(double per_second)
{
    return used_of_quota * per_second - (burst_for(per_second) - 1);
}

double tokens_at(const TokenBucket &bucket, Time now, double per_second)
{
    // A clock that was set back refills nothing.
    const double passed = static_cast<double>(std::max<Time>(0, now - bucket.refilled_at)) / second;
    return std::min(burst_for(per_second), bucket.tokens + passed * refill_rate(per_second));
}

bool holding_back(const Breaker &breaker)
{
    return breaker.unauthorized || breaker.failures >= failures_to_open;
}

bool paused(const Breaker &breaker, Time now)
{
    return !has_come(breaker.paused_until, now, longest_pause);
}

bool resting(const Breaker &breaker, Time now)
{
    return !has_come(breaker.open_until, now, unauthorized_pause);
}

// A moment that has passed, by our clock or by Twilio's, must not mean at once: we would ask as fast as our
// quota allows.
void pause(Breaker &breaker, Time now, Time until)
{
    const Time pause_end = std::clamp(until, now + shortest_pause, now + longest_pause);
    breaker.paused_until = paused(breaker, now) ? std::max(breaker.paused_until, pause_end) : pause_end;
}

bool probe_under_way(const Breaker &breaker, Time now)
{
    return breaker.probing && !has_come(breaker.probe_until, now, probe_limit);
}

}  // namespace

double burst_for(double per_second)
{
    return std::max(1.0, std::floor(per_second / 10));
}

void TokenBucket::follow_clock(Time now)
{
    // Callers read the clock before they get the lock, so a little of going back is none.
    if (refilled_at - now > second)
        refilled_at = now;
}

bool TokenBucket::take(Time now, double per_second)
{
    follow_clock(now);
    tokens = tokens_at(*this, now, per_second);
    refilled_at = std::max(refilled_at, now);
    if (tokens < 1 - rounding)
        return false;
    tokens = std::max(0.0, tokens - 1);
    return true;
}

Time TokenBucket::next(Time now, double per_second) const
{
    const double missing = 1 - tokens_at(*this, now, per_second);
    if (missing <= rounding)
        return now;
    return now + static_cast<Time>(std::ceil(missing / refill_rate(per_second) * second));
}

bool Breaker::allows(Time now)
{
    if (is_open(now))
        return false;
    if (holding_back(*this)) {
        probing = true;
        probe_until = now + probe_limit;
    }
    return true;
}

bool Breaker::is_open(Time now) const
{
    return paused(*this, now) ||
           (holding_back(*this) && (resting(*this, now) || probe_under_way(*this, now)));
}

Time Breaker::next(Time now) const
{
    Time moment = paused(*this, now) ? paused_until : now;
    if (holding_back(*this) && resting(*this, now))
        moment = std::max(moment, open_until);
    if (holding_back(*this) && probe_under_way(*this, now))
        moment = std::max(moment, probe_until);
    return moment;
}

void Breaker::failed(Time now, double random01, std::optional<Time> until)
{
    if (until)
        pause(*this, now, *until);
    // Calls that left before it opened say nothing new.
    if (holding_back(*this) && resting(*this, now))
        return;
    probing = false;
    failures = std::min(failures + 1, failures_to_open);
    if (unauthorized) {
        open_until = now + unauthorized_pause;
    } else if (failures >= failures_to_open) {
        const Time longest = std::min(longest_opening, second << openings);
        open_until = now + static_cast<Time>(static_cast<double>(longest) *
                                             (0.5 + std::clamp(random01, 0.0, 1.0) / 2));
        openings = std::min(openings + 1, most_doublings);
    }
}

void Breaker::limited(Time now, std::optional<Time> until)
{
    pause(*this, now, until.value_or(now));
    probing = false;
    if (!unauthorized)
        failures = openings = 0;
}

void Breaker::refused(Time now, int code)
{
    unauthorized = true;
    refused_with = code;
    probing = false;
    open_until = now + unauthorized_pause;
}

void Breaker::denied(Time now, int code, std::uint64_t room)
{
    const bool about_account = unauthorized || (denied_room != 0 && denied_room != room);
    if (about_account)
        return refused(now, code);
    succeeded(room);
    denied_room = room;
}

void Breaker::succeeded(std::uint64_t room)
{
    if (denied_room != room)
        denied_room = 0;
    failures = openings = 0;
    open_until = 0;
    unauthorized = probing = false;
}

void Breaker::abandoned()
{
    probing = false;
}

void Breaker::credentials_changed()
{
    if (unauthorized)
        succeeded();
}

bool RoomLimit::allows(Time now)
{
    if (next(now) > now)
        return false;
    if (reached)
        probe_at = now + between_probes;
    return true;
}

Time RoomLimit::next(Time now) const
{
    return !reached || has_come(probe_at, now, between_probes) ? now : probe_at;
}

void RoomLimit::refused(Time now)
{
    if (!reached)
        probe_at = now + between_probes;
    reached = true;
}

void RoomLimit::lifted()
{
    reached = false;
}

}  // namespace videoroom::core
