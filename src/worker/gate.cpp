#include "worker/gate.hpp"

#include <utility>

#include "pg/settings.hpp"

namespace videoroom::worker {

using pg::shared::Account;
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

core::TokenBucket &bucket(Account *account, bool write)
{
    return write ? account->writes : account->reads;
}

}  // namespace

Account *Gate::locked_account() const
{
    return pg::shared::account(pg::shared::state(), account_sid_);
}

void Gate::use(std::string account_sid, bool changed)
{
    account_sid_ = std::move(account_sid);
    Locked locked(pg::shared::state());
    if (changed)
        locked_account()->breaker.credentials_changed();
}

int Gate::admit(int wanted, bool write)
{
    Locked locked(pg::shared::state());
    Account *account = locked_account();
    core::Time moment = now();
    int granted = 0;
    bucket(account, write).follow_clock(moment);
    while (granted < wanted && account->breaker.next(moment) <= moment &&
           bucket(account, write).next(moment, quota(write)) <= moment && account->breaker.allows(moment)) {
        bucket(account, write).take(moment, quota(write));
        if (account->breaker.probing)
            account->prober = MyProcPid;
        granted++;
    }
    return granted;
}

void Gate::give_back(int unused, bool write)
{
    if (unused <= 0)
        return;
    Locked locked(pg::shared::state());
    Account *account = locked_account();
    bucket(account, write).tokens += unused;
    if (account->prober == MyProcPid)
        account->breaker.abandoned();
}

TimestampTz Gate::next(bool write) const
{
    Locked locked(pg::shared::state());
    Account *account = locked_account();
    core::Time moment = now();
    core::Time token = bucket(account, write).next(moment, quota(write));
    core::Time breaker = account->breaker.next(moment);
    return pg::to_server(token > breaker ? token : breaker);
}

bool Gate::closed() const
{
    Locked locked(pg::shared::state());
    const core::Breaker &breaker = locked_account()->breaker;
    return breaker.is_open(now()) || breaker.openings > 0 || breaker.unauthorized;
}

void Gate::report(core::Verdict verdict, std::optional<core::Time> retry_after)
{
    Locked locked(pg::shared::state());
    core::Breaker &breaker = locked_account()->breaker;
    switch (verdict) {
        case core::Verdict::account:
            breaker.failed(now(), pg::random01(), retry_after);
            break;
        case core::Verdict::limited:
            breaker.limited(now(), retry_after);
            break;
        case core::Verdict::unauthorized:
            breaker.refused(now());
            break;
        default:
            breaker.succeeded();
    }
}

TimestampTz Gate::paused_until() const
{
    Locked locked(pg::shared::state());
    return pg::to_server(locked_account()->breaker.paused_until);
}

}  // namespace videoroom::worker
