#include "worker/loop.hpp"

#include <algorithm>
#include <string>

#include "pg/guard.hpp"
#include "pg/mailbox.hpp"
#include "pg/settings.hpp"
#include "worker/account.hpp"
#include "worker/answers.hpp"
#include "worker/attach.hpp"
#include "worker/calls.hpp"
#include "worker/dispatcher.hpp"
#include "worker/error_log.hpp"
#include "worker/gate.hpp"
#include "worker/housekeeping.hpp"
#include "worker/intake.hpp"
#include "worker/outbox.hpp"
#include "worker/patience.hpp"
#include "worker/prerequisites.hpp"
#include "worker/reconciler.hpp"
#include "worker/schedule.hpp"
#include "worker/waiting_rooms.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Pause;

class Loop {
public:
    explicit Loop(pg::shared::Database *database)
        : database_(database),
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
            attempt([this] { round(); });
            MemoryContextSwitchTo(context_);
            MemoryContextReset(context_);
            attempt([this] { wait(); });
        }
    }

private:
    // After an error the transaction is aborted. What was read but not done is still in the tables.
    template <typename Step>
    void attempt(Step &&step)
    {
        MemoryContextSwitchTo(context_);
        try {
            step();
        } catch (const pg::Error &e) {
            schedule_.rest();
            errors_.report(e);
        }
    }

    void round()
    {
        pg::call([] { CHECK_FOR_INTERRUPTS(); });
        if (ConfigReloadPending)
            reload();
        serve();
        if (schedule_.due())
            look();
        send();  // Twilio is at work on these while answers are recorded
        record();
        send();
        errors_.all_is_well();
        pg::call([] { pgstat_report_stat(false); });
    }

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
        schedule_.now();
    }

    // What is queued, and what look() has started: it leaves when it is served.
    void send()
    {
        if (account_.usable())
            calls_.send_queued();
        serve();
    }

    // Lists of rooms are about no single room: the reconciler reads them.
    void serve()
    {
        if (intake_.serve() && dispatcher_.crowded())
            schedule_.now();
        for (const Answered &list : answers_.take_lists()) {
            for (Call &call : reconciler_.take(list))
                calls_.queue(std::move(call));
            schedule_.by(reconciler_.next_sweep());
        }
        notice_gate();
    }

    void notice_gate()
    {
        if (!intake_.gate_has_turned())
            return;
        dispatcher_.gate_turned();
        schedule_.now();
    }

    void record()
    {
        Recorded recorded = answers_.record(gate_.paused_until());
        for (Call &call : recorded.follow_ups)
            calls_.queue(std::move(call));
        for (const std::string &room : recorded.unmade)
            pg::ask_again(database_, room);
        for (const std::string &room : recorded.rooms)
            pg::answer_waiting(database_, room);
        if (recorded.any) {
            patience_.restore();
            schedule_.now();
        }
    }

    void look()
    {
        schedule_.begin_look();
        Prerequisites prerequisites = check_prerequisites();
        report_ready(database_);
        pause_for(prerequisites.pause);
        if (prerequisites.pause == Pause::none) {
            keep_house();
            schedule_.by(ask_for_waiting_rooms(database_, patience_));
            call_twilio(prerequisites.booked);
            pause_for(Pause::none);
        }
        schedule_.end_look();
    }

    // What fails here must not keep calls from being made.
    void keep_house()
    {
        try {
            schedule_.by(housekeeping_.run());
        } catch (const pg::Error &e) {
            errors_.report(e);
            schedule_.by(GetCurrentTimestamp() + Patience::longest);
        }
        TimestampTz clock = housekeeping_.due();
        schedule_.by(clock > GetCurrentTimestamp() ? clock : patience_.again());
    }

    void call_twilio(bool booked)
    {
        if (!account_.usable() || !booked)
            return dispatcher_.show_next_due();
        intake_.watch_gate();
        notice_gate();
        if (intake_.gate_has_opened())
            hurry_after_outage();
        schedule_.by(dispatcher_.send_due());
        begin_sweep();
        if (intake_.gate_closed()) {
            TimestampTz now = GetCurrentTimestamp();
            schedule_.by(
                std::clamp(gate_.next(Quota::writes), now + Patience::shortest, now + Patience::longest));
        }
    }

    // A closed gate with nothing due is probed by a sweep: joins are refused until it opens.
    void begin_sweep()
    {
        if (reconciler_.running() || !calls_.nothing_queued())
            return;  // what ends that makes us look again
        TimestampTz admitted = gate_.next(Quota::background);
        TimestampTz now = GetCurrentTimestamp();  // not before: a gate that is open says now
        bool probe = intake_.gate_closed() && admitted <= now;
        if (probe || reconciler_.sweep_is_due(now))
            calls_.queue(reconciler_.begin(now));
        else
            schedule_.by(reconciler_.next_sweep());
    }

    // Says why no calls are made, if none are.
    void pause_for(Pause pause)
    {
        if (pause == Pause::none && !account_.usable())
            pause = Pause::no_credentials;
        else if (pause == Pause::none && gate_.closed())
            pause = Pause::account;
        show_pause(database_, pause);
    }

    void wait()
    {
        TimestampTz other = std::min(answers_.next(), account_.usable() ? calls_.next_queued() : DT_NOEND);
        TimestampTz now = GetCurrentTimestamp();
        long timeout = std::max(0L, TimestampDifferenceMilliseconds(now, schedule_.next(other)));
        if (calls_.timeout_ms() >= 0)
            timeout = std::min(timeout, calls_.timeout_ms());
        pg::call([&] {
            WaitEvent event;
            WaitEventSetWait(events_, timeout, &event, 1, PG_WAIT_EXTENSION);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        });
    }

    pg::shared::Database *database_;
    Gate gate_;
    Account account_{gate_, database_};
    Calls calls_{gate_};
    Answers answers_;
    Intake intake_{gate_, calls_, answers_};
    Patience patience_;
    Schedule schedule_{database_};
    Dispatcher dispatcher_{database_, gate_, account_, calls_, answers_, intake_, patience_};
    Reconciler reconciler_;
    Housekeeping housekeeping_;
    ErrorLog errors_;
    WaitEventSet *events_;
    MemoryContext context_;
};

}  // namespace

void work(pg::shared::Database *database)
{
    Loop(database).run();
}

}  // namespace videoroom::worker
