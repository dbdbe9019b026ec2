#include "worker/loop.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pg/guard.hpp"
#include "pg/mailbox.hpp"
#include "pg/settings.hpp"
#include "pg/stats.hpp"
#include "pg/transaction.hpp"
#include "worker/account.hpp"
#include "worker/answers.hpp"
#include "worker/attach.hpp"
#include "worker/calls.hpp"
#include "worker/error_log.hpp"
#include "worker/gate.hpp"
#include "worker/housekeeping.hpp"
#include "worker/outbox.hpp"
#include "worker/prerequisites.hpp"
#include "worker/reconciler.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Locked;
using pg::shared::Pause;

constexpr TimestampTz safety_look = 60 * USECS_PER_SEC;  // COMMIT PREPARED wakes nobody
constexpr TimestampTz shortest_patience = 50 * core::millisecond;
constexpr TimestampTz longest_patience = USECS_PER_SEC;
constexpr TimestampTz pause_after_error = USECS_PER_SEC;
constexpr int most_claims = 10;  // before answers are served again
constexpr int most_calls = 25;   // that are claimed at once
constexpr int many_rows = 50;

class Loop {
public:
    explicit Loop(pg::shared::Database *database)
        : database_(database),
          account_(gate_, database),
          calls_(gate_),
          events_(pg::call([] { return pg::create_wait_event_set(3); })),
          context_(pg::call([] {
              return AllocSetContextCreate(TopMemoryContext, "videoroom worker", ALLOCSET_DEFAULT_SIZES);
          }))
    {
        pg::call([this] {
            AddWaitEventToSet(events_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(events_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            AddWaitEventToSet(events_, WL_SOCKET_READABLE, calls_.descriptor(), nullptr, nullptr);
        });
        pg::caught_errors = context_;
    }

    [[noreturn]] void run()
    {
        reload();
        for (;;) {
            MemoryContextSwitchTo(context_);
            try {
                round();
            } catch (const pg::Error &e) {
                survive(e);
            }
            MemoryContextSwitchTo(context_);
            MemoryContextReset(context_);
            wait();
        }
    }

private:
    void round()
    {
        pg::call([] { CHECK_FOR_INTERRUPTS(); });
        if (ConfigReloadPending)
            reload();
        serve();
        if (due())
            look();
        send();  // Twilio is at work on these while answers are recorded
        record();
        send();
        errors_.all_is_well();
        pg::call([] { pgstat_report_stat(false); });
    }

    // --- settings

    void reload()
    {
        pg::call([] {
            if (ConfigReloadPending) {
                ConfigReloadPending = false;
                ProcessConfigFile(PGC_SIGHUP);
            }
        });
        if (!pg::settings::enabled)
            proc_exit(0);
        account_.reload();
        look_at_ = 0;
    }

    // What is queued, and what look() has started: it leaves when it is served.
    void send()
    {
        if (account_.usable())
            calls_.send_queued();
        serve();
    }

    // --- answers

    void serve()
    {
        serve_calls();
        take_lists();
    }

    void serve_calls()
    {
        for (Answered &answered : calls_.serve()) {
            gate_.report(answered.verdict, answered.answer.retry_after);
            watch_gate(&answered);
            answers_.push_back(std::move(answered));
            if (no_room_left_)
                look_at_ = 0;
        }
    }

    // How many more calls may be made. Answers that wait to be recorded, somebody has their rooms, must not
    // pile up.
    int room_for_calls() const
    {
        int waiting = static_cast<int>(answers_.size());
        return std::max(0, calls_.capacity() - std::max(0, waiting - pg::settings::max_requests));
    }

    // The gate changes with an answer, but also with the clock, new credentials and other databases' answers.
    void watch_gate(const Answered *answered)
    {
        bool closed = gate_.closed();
        if (closed == gate_closed_)
            return;
        gate_closed_ = closed;
        std::string why = answered ? describe(*answered) : "";
        pg::call([&] {
            if (closed)
                ereport(LOG, errmsg("videoroom holds back its calls to Twilio"),
                        why.empty() ? 0 : errdetail("%s", why.c_str()));
            else
                ereport(LOG, errmsg("videoroom calls Twilio again"));
        });
        probed_.clear();
        back_again_ = back_again_ || !closed;
        look_at_ = 0;
    }

    // Lists of rooms are about no single room: the reconciler reads them.
    void take_lists()
    {
        auto is_list = [](const Answered &answered) { return answered.call.room_id.empty(); };
        auto first = std::stable_partition(answers_.begin(), answers_.end(), std::not_fn(is_list));
        std::vector<Answered> lists(std::make_move_iterator(first), std::make_move_iterator(answers_.end()));
        answers_.erase(first, answers_.end());
        for (const Answered &list : lists) {
            for (Call &call : reconciler_.take(list))
                calls_.queue(std::move(call));
            look_at_ = std::min(look_at_, reconciler_.next_sweep());
        }
    }

    void record()
    {
        if (answers_to_record() == 0)
            return;
        std::size_t waiting = answers_.size();
        Recorded recorded = record_answers(answers_, gate_.paused_until());
        for (Call &call : recorded.follow_ups)
            calls_.queue(std::move(call));
        for (const std::string &room : recorded.unmade)
            pg::ask_again(database_, room);
        for (const std::string &room : recorded.rooms)
            pg::answer_waiting(database_, room);
        if (answers_.size() < waiting) {
            patience_ = shortest_patience;
            look_at_ = 0;
        }
    }

    long answers_to_record() const
    {
        TimestampTz now = GetCurrentTimestamp();
        return std::count_if(answers_.begin(), answers_.end(),
                             [now](const Answered &answered) { return answered.not_before <= now; });
    }

    std::vector<std::string> busy_rooms() const
    {
        std::vector<std::string> rooms;
        calls_.add_busy_rooms(rooms);
        for (const Answered &answered : answers_)
            if (answered.call.outbox_id)
                rooms.push_back(answered.call.room_id);
        return rooms;
    }

    // --- the database

    bool due() const
    {
        TimestampTz now = GetCurrentTimestamp();
        if (!core::has_come(rest_until_, now, pause_after_error))
            return false;
        if (core::has_come(look_at_, now, safety_look))
            return true;
        Locked locked(pg::shared::state());
        return database_->due;
    }

    void look()
    {
        {
            Locked locked(pg::shared::state());
            database_->due = false;
            database_->wake_at = DT_NOEND;  // until we know better, whatever commits wakes us
        }
        look_at_ = DT_NOEND;  // answers that are served meanwhile may bring it forward
        no_room_left_ = false;
        Prerequisites prerequisites = check_prerequisites();
        report_ready(database_);
        pause_for(prerequisites.pause);
        TimestampTz next = GetCurrentTimestamp() + safety_look;
        if (prerequisites.pause == Pause::none)
            next = std::min(next, look_at_rooms(prerequisites.booked));
        look_at_ = std::min(look_at_, next);
        Locked locked(pg::shared::state());
        database_->wake_at = look_at_;
    }

    // Does what is to be done now; says when to look again at the latest.
    TimestampTz look_at_rooms(bool booked)
    {
        TimestampTz next = keep_house();
        ask_for_waiting_rooms(next);
        if (account_.usable())
            watch_gate(nullptr);
        if (back_again_) {
            hurry_after_outage();
            back_again_ = false;
        }
        if (account_.usable() && booked) {
            if (send_due())
                next = GetCurrentTimestamp();
            begin_sweep(next);
        }
        TimestampTz clock = housekeeping_.due();
        next = std::min({next, next_call(), clock > GetCurrentTimestamp() ? clock : again()});
        if (account_.usable() && gate_closed_)
            next = std::min(next, std::max(std::min(gate_.next(true), GetCurrentTimestamp() + USECS_PER_SEC),
                                           GetCurrentTimestamp() + shortest_patience));
        pause_for(Pause::none);
        return next;
    }

    // What fails here must not keep calls from being made.
    TimestampTz keep_house()
    {
        try {
            return housekeeping_.run();
        } catch (const pg::Error &e) {
            errors_.report(e);
            return GetCurrentTimestamp() + longest_patience;
        }
    }

    // Somebody holds what we want: ever less often, while nothing moves.
    TimestampTz again()
    {
        TimestampTz moment = GetCurrentTimestamp() + patience_;
        patience_ = std::min(longest_patience, patience_ * 2);
        return moment;
    }

    // When the next row can leave; one that is due but did not had Twilio's quota, our own limit or
    // somebody's lock in its way.
    TimestampTz next_call()
    {
        no_room_left_ = account_.usable() && room_for_calls() == 0;
        if (no_room_left_ &&
            !core::has_come(asked_at_ + longest_patience, GetCurrentTimestamp(), longest_patience))
            return DT_NOEND;  // an answer makes us look again; what is shown may be a second old
        TimestampTz due_at = next_due(busy_rooms());
        asked_at_ = GetCurrentTimestamp();
        {
            Locked locked(pg::shared::state());
            database_->next_due = due_at;
        }
        if (due_at > asked_at_)
            return due_at;
        if (!account_.usable() || no_room_left_)
            return DT_NOEND;  // a reload or an answer makes us look again
        TimestampTz admitted = gate_.next(true);
        return admitted > GetCurrentTimestamp() ? admitted : again();
    }

    // Which of them are still to be asked for: somebody has their rooms.
    std::vector<std::string> ask_or_put_back(const std::vector<std::string> &asked)
    {
        try {
            return ask_for_rooms(asked);
        } catch (...) {
            for (const std::string &room : asked)
                pg::ask_again(database_, room);
            throw;
        }
    }

    void ask_for_waiting_rooms(TimestampTz &next)
    {
        std::vector<std::string> asked = pg::take_asked(database_);
        if (asked.empty())
            return;
        const std::vector<std::string> left = ask_or_put_back(asked);
        for (const std::string &room : left)
            pg::ask_again(database_, room);
        if (!left.empty())
            next = std::min(next, again());
        // A room whose create was given up: those who wait learn it at once.
        for (const std::string &room : asked)
            pg::answer_waiting(database_, room);
    }

    // A few at a time: the first of them are on the wire while the next are being claimed, until there are as
    // many answers to be recorded. True if more may be due that need not wait.
    bool send_due()
    {
        for (;;) {
            int granted = gate_.admit(std::min(room_for_calls(), most_calls), true);
            if (granted == 0)
                return false;
            Claimed claimed;
            try {
                claimed = claim(granted);
            } catch (...) {
                gate_.give_back(granted, true);
                throw;
            }
            if (!claimed.calls.empty() || claimed.settled)
                patience_ = shortest_patience;
            int sent = send_claimed(claimed);
            gate_.give_back(granted - sent, true);
            if (sent < most_calls)
                return claimed.settled;
            serve();
            if (answers_to_record() >= most_calls)
                return true;
        }
    }

    // Gives how many of the tokens it took.
    int send_claimed(Claimed &claimed)
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

    // Rows that need no call cost no token: thousands of them, after many cancellations, must not be done
    // with as slowly as Twilio may be called.
    Claimed claim_some(int granted, const std::vector<std::string> &left_out)
    {
        Claimed claimed;
        bool settled = false;
        for (int i = 0; i < most_claims; i++) {
            claimed =
                claim_due(granted, settled ? many_rows : granted, left_out, account_.callback_url(), ahead_);
            settled = settled || claimed.settled;
            if (!claimed.calls.empty() || !claimed.settled)
                break;
        }
        claimed.settled = settled;
        return claimed;
    }

    // While the gate is closed each probe is another room's, so that one whose call always fails does not
    // keep the gate closed.
    Claimed claim(int granted)
    {
        std::vector<std::string> busy = busy_rooms();
        if (!gate_closed_)
            return claim_some(granted, busy);
        std::vector<std::string> left_out = busy;
        left_out.insert(left_out.end(), probed_.begin(), probed_.end());
        Claimed claimed = claim_some(granted, left_out);
        if (claimed.calls.empty() && !claimed.settled && !probed_.empty()) {
            probed_.clear();
            claimed = claim_some(granted, busy);
        }
        for (const Call &call : claimed.calls)
            probed_.push_back(call.room_id);
        return claimed;
    }

    // A closed gate with nothing due is probed by a sweep: joins are refused until it opens.
    void begin_sweep(TimestampTz &next)
    {
        if (reconciler_.running() || !calls_.queue_empty())
            return;  // what ends that makes us look again
        TimestampTz admitted = gate_.next(false);
        TimestampTz now = GetCurrentTimestamp();  // not before: a gate that is open says now
        bool probe = gate_closed_ && admitted <= now;
        if (probe || reconciler_.sweep_is_due(now))
            calls_.queue(reconciler_.begin(now));
        else
            next = std::min(next, reconciler_.next_sweep());
    }

    void pause_for(Pause pause)
    {
        if (pause == Pause::none && !account_.usable())
            pause = Pause::no_credentials;
        else if (pause == Pause::none && gate_.closed())
            pause = Pause::account;
        bool changed;
        {
            Locked locked(pg::shared::state());
            changed = database_->pause != pause;
            database_->pause = pause;
        }
        if (changed && pause != Pause::none)
            pg::answer_everybody(database_);
    }

    // --- waiting and surviving

    long wait_ms() const
    {
        TimestampTz now = GetCurrentTimestamp();
        TimestampTz until = std::min(look_at_, now + safety_look);
        for (const Answered &answered : answers_)
            until = std::min(until, answered.not_before);
        if (!calls_.queue_empty() && account_.usable() && calls_.capacity() > 0)
            until = std::min(until, gate_.next(false));
        if (due())
            until = now;  // the latch may have been reset by a wait inside the server
        if (!core::has_come(rest_until_, now, pause_after_error))
            until = std::max(until, rest_until_);
        long timeout = std::max(0L, TimestampDifferenceMilliseconds(now, until));
        return calls_.timeout_ms() < 0 ? timeout : std::min(timeout, calls_.timeout_ms());
    }

    void wait()
    {
        long timeout = wait_ms();
        try {
            pg::call([&] {
                WaitEvent event;
                WaitEventSetWait(events_, timeout, &event, 1, PG_WAIT_EXTENSION);
                ResetLatch(MyLatch);
                CHECK_FOR_INTERRUPTS();
            });
        } catch (const pg::Error &e) {
            survive(e);
        }
    }

    // The transaction is aborted by now. What was read but not done is still in the tables.
    void survive(const pg::Error &error)
    {
        rest_until_ = GetCurrentTimestamp() + pause_after_error;
        look_at_ = rest_until_;
        errors_.report(error);
    }

    pg::shared::Database *database_;
    Gate gate_;
    Account account_;
    Calls calls_;
    WaitEventSet *events_;
    MemoryContext context_;
    Reconciler reconciler_;
    Housekeeping housekeeping_;
    ErrorLog errors_;
    std::vector<Answered> answers_;    // not recorded yet
    std::vector<std::string> probed_;  // rooms whose calls were probes since the gate closed
    bool gate_closed_ = false;         // as it was when we looked last
    bool back_again_ = false;
    bool no_room_left_ = false;  // for another call
    ScanPosition ahead_;
    TimestampTz patience_ = shortest_patience;
    TimestampTz asked_at_ = 0;  // when the outbox was last asked what is due next
    TimestampTz look_at_ = 0;
    TimestampTz rest_until_ = 0;
};

}  // namespace

void work(pg::shared::Database *database)
{
    Loop(database).run();
}

}  // namespace videoroom::worker
