#include "worker/gate.hpp"

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

int quota(bool write)
{
    return write ? pg::settings::writes_per_second : pg::settings::reads_per_second;
}

core::TokenBucket &bucket(Limits *limits, bool write)
{
    return write ? limits->writes : limits->reads;
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

int Gate::admit(int wanted, bool write)
{
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    core::Time moment = now();
    int granted = 0;
    bucket(limits, write).follow_clock(moment);
    while (granted < wanted && limits->breaker.next(moment) <= moment &&
           bucket(limits, write).next(moment, quota(write)) <= moment && limits->breaker.allows(moment)) {
        bucket(limits, write).take(moment, quota(write));
        if (limits->breaker.probing)
            limits->prober = MyProcPid;
        granted++;
    }
    return granted;
}

void Gate::give_back(int unused, bool write)
{
    if (unused <= 0)
        return;
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    bucket(limits, write).tokens += unused;
    if (limits->prober == MyProcPid)
        limits->breaker.abandoned();
}

TimestampTz Gate::next(bool write) const
{
    Locked locked(pg::shared::state());
    Limits *limits = locked_limits();
    core::Time moment = now();
    core::Time token = bucket(limits, write).next(moment, quota(write));
    core::Time breaker = limits->breaker.next(moment);
    return pg::to_server(token > breaker ? token : breaker);
}

bool Gate::closed() const
{
    Locked locked(pg::shared::state());
    const core::Breaker &breaker = locked_limits()->breaker;
    return breaker.is_open(now()) || breaker.openings > 0 || breaker.unauthorized;
}

void Gate::report(core::Verdict verdict, std::optional<core::Time> retry_after)
{
    Locked locked(pg::shared::state());
    core::Breaker &breaker = locked_limits()->breaker;
    const core::Time moment = now();
    const auto until = retry_after ? std::optional(moment + *retry_after) : std::nullopt;
    switch (verdict) {
        case core::Verdict::account:
            breaker.failed(moment, pg::random01(), until);
            break;
        case core::Verdict::limited:
            breaker.limited(moment, until);
            break;
        case core::Verdict::unauthorized:
            breaker.refused(moment);
            break;
        default:
            breaker.succeeded();
    }
}

TimestampTz Gate::paused_until() const
{
    Locked locked(pg::shared::state());
    return pg::to_server(locked_limits()->breaker.paused_until);
}

}  // namespace videoroom::worker
