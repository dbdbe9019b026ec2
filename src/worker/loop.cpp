#include "worker/loop.hpp"

#include <algorithm>

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
#include "worker/patience.hpp"
#include "worker/prerequisites.hpp"
#include "worker/reconciler.hpp"
#include "worker/schedule.hpp"
#include "worker/waiter.hpp"
#include "worker/waiting_rooms.hpp"

namespace videoroom::worker {
namespace {

class Loop {
public:
    explicit Loop(pg::shared::Database *database)
        : database_(database), context_(pg::call([] {
              return AllocSetContextCreate(TopMemoryContext, "videoroom worker", ALLOCSET_DEFAULT_SIZES);
          }))
    {
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
        pg::settings::reload();
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
            calls_.queue(reconciler_.take(list));
            schedule_.by(reconciler_.next_sweep());
        }
        notice_gate();
    }

    void notice_gate()
    {
        if (!intake_.gate_has_turned())
            return;
        dispatcher_.gate_turned();
        if (intake_.gate_closed())
            reconciler_.abandon(calls_);
        schedule_.now();
    }

    void record()
    {
        Recorded recorded = answers_.record(gate_.paused_until());
        calls_.queue(std::move(recorded.follow_ups));
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
        bool may_work = prerequisites.pause == pg::shared::Pause::none;
        show_pause(database_, may_work ? account_.pause() : prerequisites.pause);
        if (may_work) {
            keep_house();
            schedule_.by(ask_for_waiting_rooms(database_, patience_));
            call_twilio(prerequisites.booked);
            show_pause(database_, account_.pause());
        }
        schedule_.end_look();
    }

    // What fails here must not keep calls from being made.
    void keep_house()
    {
        try {
            schedule_.by(housekeeping_.run(patience_));
        } catch (const pg::Error &e) {
            errors_.report(e);
            schedule_.by(GetCurrentTimestamp() + Patience::longest);
        }
    }

    void call_twilio(bool booked)
    {
        if (!account_.usable() || !booked)
            return dispatcher_.show_next_due();
        intake_.watch_gate();
        notice_gate();
        schedule_.by(dispatcher_.send_due());
        schedule_.by(calls_.nothing_queued() ? reconciler_.sweep(calls_, gate_, intake_.gate_closed())
                                             : GetCurrentTimestamp() + Patience::longest);
        if (intake_.gate_closed())  // another database's worker may open it
            schedule_.by(GetCurrentTimestamp() + Patience::longest);
    }

    void wait()
    {
        TimestampTz other = std::min(answers_.next(), account_.usable() ? calls_.next_queued() : DT_NOEND);
        waiter_.wait(schedule_.next(other), calls_.timeout_ms());
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
    Waiter waiter_{calls_.descriptor()};
    MemoryContext context_;
};

}  // namespace

void work(pg::shared::Database *database)
{
    Loop(database).run();
}

}  // namespace videoroom::worker
