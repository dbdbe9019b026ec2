#include "worker/dispatcher.hpp"

#include <algorithm>
#include <utility>

#include "pg/settings.hpp"
#include "pg/stats.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Locked;

constexpr int most_claims = 10;  // before answers are served again
constexpr int most_calls = 25;   // that are claimed at once
constexpr int many_rows = 50;

constexpr auto awaited = static_cast<std::size_t>(Work::awaited);
constexpr auto ahead = static_cast<std::size_t>(Work::ahead);

}  // namespace

Dispatcher::Dispatcher(pg::shared::Database *database, Gate &gate, Account &account, Calls &calls,
                       Answers &answers, Intake &intake, Patience &patience)
    : database_(database),
      gate_(gate),
      account_(account),
      calls_(calls),
      answers_(answers),
      intake_(intake),
      patience_(patience)
{
}

std::vector<std::string> Dispatcher::busy_rooms() const
{
    std::vector<std::string> rooms;
    calls_.add_busy_rooms(rooms);
    answers_.add_busy_rooms(rooms);
    return rooms;
}

Dispatcher::Due Dispatcher::ask()
{
    Due due = next_due(busy_rooms());
    asked_at_ = GetCurrentTimestamp();
    Locked locked(pg::shared::state());
    database_->next_due = *std::min_element(due.begin(), due.end());
    return due;
}

void Dispatcher::show_next_due()
{
    (void)ask();
}

// Which classes may send something: it is due, there is a place for it, and, if it makes rooms, Twilio has
// room for another.
Dispatcher::Classes Dispatcher::able(const Due &due) const
{
    Classes able;
    for (std::size_t work = 0; work < able.size(); work++)
        able[work] = due[work] <= asked_at_ && calls_.room_for(Work(work)) > 0 &&
                     calls_.queued(Work(work)) < pg::settings::max_requests;
    return able;
}

// Deals out what was granted, in turns.
PerClass Dispatcher::share(const Classes &able, int granted)
{
    PerClass most{};
    for (int i = 0; i < granted; i++) {
        Classes wants;
        for (std::size_t work = 0; work < wants.size(); work++)
            wants[work] = able[work] && calls_.room_for(Work(work), most) > 0;
        if (auto turn = turns_.next(wants))
            most[*turn]++;
    }
    // Where Twilio has as many rooms as the account may have, those that are waited for come first.
    int rooms = gate_.admit_rooms(most[awaited] + most[ahead]);
    most[awaited] = std::min(most[awaited], rooms);
    most[ahead] = std::min(most[ahead], rooms - most[awaited]);
    return most;
}

TimestampTz Dispatcher::send_due()
{
    if (intake_.gate_has_opened()) {
        hurry_after_outage();
        intake_.forget_opening();
    }
    Classes held{};  // somebody holds all the rooms of a class
    for (;;) {
        crowded_ = calls_.room() == 0;
        if (crowded_ &&
            !core::has_come(asked_at_ + Patience::longest, GetCurrentTimestamp(), Patience::longest))
            return DT_NOEND;  // what is shown may be a second old
        const Due due = ask();
        TimestampTz next = DT_NOEND;
        for (TimestampTz moment : due)
            if (moment > asked_at_)
                next = std::min(next, moment);
        Classes classes = able(due);
        for (std::size_t work = 0; work < classes.size(); work++) {
            crowded_ = crowded_ || (due[work] <= asked_at_ && !classes[work]);
            classes[work] = classes[work] && !held[work];
        }
        if (TimestampTz probe = gate_.next_room();
            probe > GetCurrentTimestamp() && (classes[awaited] || classes[ahead])) {
            next = std::min(next, probe);
            classes[awaited] = classes[ahead] = false;
        }
        if (std::find(classes.begin(), classes.end(), true) == classes.end())
            return held == Classes{} ? next : std::min(next, patience_.again());
        const int granted = gate_.admit(std::min(calls_.room(), most_calls), Quota::writes);
        if (granted == 0)
            return std::min(next, gate_.next(Quota::writes));
        const PerClass most = share(classes, granted);
        if (most == PerClass{}) {  // another database's worker has taken the probe
            gate_.give_back(granted, Quota::writes);
            return std::min(next, gate_.next_room());
        }
        if (!send_some(most, granted))
            for (std::size_t work = 0; work < held.size(); work++)
                held[work] = held[work] || most[work] > 0;
        intake_.serve();
        if (answers_.ready() >= most_calls)
            return GetCurrentTimestamp();
    }
}

// False if nothing moved: somebody holds what is due.
bool Dispatcher::send_some(const PerClass &most, int granted)
{
    Claimed claimed;
    try {
        claimed = claim(most);
    } catch (...) {
        gate_.give_back(granted, Quota::writes);
        throw;
    }
    bool moved = !claimed.calls.empty() || claimed.settled;
    if (moved)
        patience_.restore();
    gate_.give_back(granted - send(claimed), Quota::writes);
    return moved;
}

// Gives how many of the tokens it took.
int Dispatcher::send(Claimed &claimed)
{
    int sent = 0;
    for (Call &call : claimed.calls) {
        if (call.attempts > 1)
            pg::stats::count(&pg::stats::Calls::retried);
        if (call.request.write) {
            sent++;
            calls_.send(std::move(call));
        } else {
            calls_.queue(std::move(call));
        }
    }
    return sent;
}

// Rows that need no call cost no token: thousands of them, after many cancellations, must not be done with as
// slowly as Twilio may be called.
Claimed Dispatcher::claim_some(const PerClass &most, const std::vector<std::string> &left_out)
{
    Claimed claimed;
    bool settled = false;
    for (int i = 0; i < most_claims; i++) {
        claimed = claim_due(most, settled ? many_rows : 0, left_out, account_.callback_url(), ahead_);
        settled = settled || claimed.settled;
        if (!claimed.calls.empty() || !claimed.settled)
            break;
    }
    claimed.settled = settled;
    return claimed;
}

// While the gate is closed each probe is another room's, so that one whose call always fails does not keep
// the gate closed.
Claimed Dispatcher::claim(const PerClass &most)
{
    std::vector<std::string> busy = busy_rooms();
    if (!intake_.gate_closed())
        return claim_some(most, busy);
    std::vector<std::string> left_out = busy;
    left_out.insert(left_out.end(), probed_.begin(), probed_.end());
    Claimed claimed = claim_some(most, left_out);
    if (claimed.calls.empty() && !claimed.settled && !probed_.empty()) {
        probed_.clear();
        claimed = claim_some(most, busy);
    }
    for (const Call &call : claimed.calls)
        probed_.push_back(call.room_id);
    return claimed;
}

}  // namespace videoroom::worker
