#include "worker/gate.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "pg/settings.hpp"

namespace videoroom::worker {

using pg::shared::Limits;
using pg::shared::Locked;

namespace {

core::Time now()
{
    return pg::to_core(GetCurrentTimestamp());
}

int per_second(Quota quota)
{
    return quota == Quota::writes ? pg::settings::writes_per_second : pg::settings::reads_per_second;
}

core::TokenBucket &bucket(Limits *limits, Quota quota)
{
    return quota == Quota::writes ? limits->writes : limits->reads;
}

// When the breakers may next let such a call through.
core::Time breakers_next(const Limits *limits, Quota quota, core::Time moment)
{
    core::Time next = limits->breaker.next(moment);
    return quota == Quota::background ? std::max(next, limits->background_breaker.next(moment)) : next;
}

bool breakers_allow(Limits *limits, Quota quota, core::Time moment)
{
    return limits->breaker.allows(moment) &&
           (quota != Quota::background || limits->background_breaker.allows(moment));
}

void tell(core::Breaker &breaker, const Answered &answered, core::Time moment,
          std::optional<core::Time> until)
{
    const int code = answered.error.code ? answered.error.code : static_cast<int>(answered.answer.status);
    const std::uint64_t room = std::hash<std::string>()(answered.call.room_id) | 1;
    switch (answered.verdict) {
        case core::Verdict::account:
            return breaker.failed(moment, pg::random01(), until);
        case core::Verdict::limited:
            return breaker.limited(moment, until);
        case core::Verdict::unauthorized:
            return breaker.refused(moment, code);
        case core::Verdict::denied:
            return breaker.denied(moment, code, room);
        default:
            breaker.succeeded(room);
    }
}

}  // namespace

Limits *Gate::locked_limits() const
{
    return pg::shared::limits_of(pg::shared::state(), account_sid_);
}

void Gate::use(std::string account_sid, bool changed)
{
    account_sid_ = std::move(account_sid);
    Locked locked(pg::shared::state());
    if (changed)
        locked_limits()->breaker.credentials_changed();
}

int Gate::admit(int wanted, Quota quota)
{
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    core::TokenBucket &tokens = bucket(limits, quota);
    core::Time moment = now();
    int granted = 0;
    tokens.follow_clock(moment);
    while (granted < wanted && breakers_next(limits, quota, moment) <= moment &&
           tokens.next(moment, per_second(quota)) <= moment && breakers_allow(limits, quota, moment)) {
        tokens.take(moment, per_second(quota));
        if (limits->breaker.probing)
            limits->prober = MyProcPid;
        if (quota == Quota::background && limits->background_breaker.probing)
            limits->background_prober = MyProcPid;
        granted++;
    }
    return granted;
}

void Gate::give_back(int unused, Quota quota)
{
    if (unused <= 0)
        return;
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    bucket(limits, quota).tokens += unused;
    if (limits->prober == MyProcPid)
        limits->breaker.abandoned();
}

TimestampTz Gate::next(Quota quota) const
{
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    core::Time moment = now();
    return pg::to_server(std::max(bucket(limits, quota).next(moment, per_second(quota)),
                                  breakers_next(limits, quota, moment)));
}

int Gate::admit_rooms(int wanted)
{
    if (wanted == 0)
        return 0;
    Locked locked(pg::shared::state());
    core::RoomLimit &rooms = locked_limits()->rooms;
    if (!rooms.allows(now()))
        return 0;
    return rooms.reached ? 1 : wanted;
}

TimestampTz Gate::next_room() const
{
    Locked locked(pg::shared::state());
    return pg::to_server(locked_limits()->rooms.next(now()));
}

bool Gate::closed() const
{
    Locked locked(pg::shared::state());
    const core::Breaker &breaker = locked_limits()->breaker;
    return breaker.is_open(now()) || breaker.openings > 0 || breaker.unauthorized;
}

bool Gate::background_closed() const
{
    Locked locked(pg::shared::state());
    const core::Breaker &breaker = locked_limits()->background_breaker;
    return breaker.is_open(now()) || breaker.openings > 0;
}

// What Twilio thinks of the account is everybody's business; that reads fail which nobody waits for is not,
// but where one of them was the probe.
void Gate::report(const Answered &answered)
{
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    const core::Verdict verdict = answered.verdict;
    const core::Time moment = now();
    const auto &pause = answered.answer.retry_after;
    const auto until = pause ? std::optional(moment + *pause) : std::nullopt;
    const bool background = answered.call.work == Work::background;
    const bool about_account = verdict == core::Verdict::limited || verdict == core::Verdict::unauthorized ||
                               verdict == core::Verdict::denied;
    const bool was_probe = limits->breaker.probing && limits->prober == MyProcPid;

    if (!background || about_account || was_probe)
        tell(limits->breaker, answered, moment, until);
    if (background && about_account)
        limits->background_breaker.abandoned();
    else if (background)
        tell(limits->background_breaker, answered, moment, until);
    if (verdict == core::Verdict::full)
        limits->rooms.refused(moment);
    else if (verdict == core::Verdict::done && answered.call.kind->shows_room_limit)
        limits->rooms.lifted();
}

TimestampTz Gate::paused_until() const
{
    Locked locked(pg::shared::state());
    return pg::to_server(locked_limits()->breaker.paused_until);
}

}  // namespace videoroom::worker
