#include "worker/worker.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/url.hpp"
#include "pg/credentials.hpp"
#include "pg/guard.hpp"
#include "pg/mailbox.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "worker/call.hpp"
#include "worker/gate.hpp"
#include "worker/housekeeping.hpp"
#include "worker/outbox.hpp"
#include "worker/reconciler.hpp"
#include "worker/recorder.hpp"
#include "worker/slot.hpp"
#include "worker/standing.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Locked;
using pg::shared::Pause;

constexpr int most_connections = 500;                        // what videoroom.max_requests allows
constexpr TimestampTz safety_look = 60 * USECS_PER_SEC;      // COMMIT PREPARED wakes nobody
constexpr TimestampTz look_again = 50 * INT64CONST(1000);    // at a row that somebody has locked
constexpr TimestampTz pause_after_error = USECS_PER_SEC;

class Worker {
public:
    explicit Worker(pg::shared::Database *slot)
        : slot_(slot),
          client_(most_connections, "videoroom/" VIDEOROOM_VERSION),
          events_(pg::call([] { return pg::create_wait_event_set(3); })),
          context_(pg::call([] {
              return AllocSetContextCreate(TopMemoryContext, "videoroom worker", ALLOCSET_DEFAULT_SIZES);
          }))
    {
        pg::call([this] {
            AddWaitEventToSet(events_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(events_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            AddWaitEventToSet(events_, WL_SOCKET_READABLE, client_.descriptor(), nullptr, nullptr);
        });
        pg::error_context = context_;
    }

    [[noreturn]] void run()
    {
        reload();
        for (;;) {
            MemoryContextSwitchTo(context_);
            try {
                round();
            } catch (const pg::ExtensionGone &) {
                throw;
            } catch (const std::exception &e) {
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
        serve_client();
        record_answers();
        if (due())
            look();
        send_reads();
        serve_client();
        pg::call([] { pgstat_report_stat(false); });
    }

    // --- settings and credentials

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
        try {
            const core::Credentials &credentials = pg::credentials();
            int generation = pg::credentials_generation();
            gate_.use(credentials.account_sid, generation != credentials_seen_);
            credentials_seen_ = generation;
            have_credentials_ = true;
        } catch (const pg::Failure &failure) {
            if (have_credentials_ || credentials_seen_ < 0)
                log_failure(failure);
            have_credentials_ = false;
            credentials_seen_ = 0;
        }
        callback_url_.clear();
        look_at_ = 0;
    }

    static void log_failure(const pg::Failure &failure)
    {
        pg::call([&] {
            ereport(LOG, errmsg("videoroom makes no calls: %s", failure.what()),
                    errdetail("%s", failure.detail()), errhint("%s", failure.hint()));
        });
    }

    const std::string &callback_url()
    {
        if (callback_url_.empty() && *pg::settings::callback_url) {
            pg::Transaction transaction;
            const char *name = pg::call([] { return get_database_name(MyDatabaseId); });
            callback_url_ = core::with_retry_policy(
                core::expand_callback_url(pg::settings::callback_url, name ? name : ""));
            transaction.commit();
        }
        return callback_url_;
    }

    // --- calls

    std::vector<std::string> busy_rooms() const
    {
        std::vector<std::string> rooms;
        for (const auto &[tag, call] : in_flight_)
            if (call.outbox_id)
                rooms.push_back(call.room_id);
        for (const Answered &answered : answers_)
            if (answered.call.outbox_id)
                rooms.push_back(answered.call.room_id);
        for (const Call &call : reads_)
            if (call.outbox_id)
                rooms.push_back(call.room_id);
        return rooms;
    }

    int free_slots() const
    {
        return std::max(0, pg::settings::max_requests - static_cast<int>(in_flight_.size()));
    }

    void send(Call call)
    {
        const core::Credentials &credentials = pg::credentials();
        http::Request request;
        request.tag = ++last_tag_;
        request.method = call.request.method;
        request.url = pg::settings::api_url + call.request.path;
        request.user = credentials.api_key_sid;
        request.password = credentials.api_key_secret;
        request.body = call.request.body;
        request.timeout_ms = pg::settings::request_timeout;
        if (!call.request.write)
            call.sent_at = GetCurrentTimestamp();
        in_flight_.emplace(request.tag, std::move(call));
        client_.start(std::move(request));
    }

    void send_reads()
    {
        if (reads_.empty() || !have_credentials_)
            return;
        int granted = gate_.admit(std::min(free_slots(), static_cast<int>(reads_.size())), false);
        std::vector<Call> now(std::make_move_iterator(reads_.begin()),
                              std::make_move_iterator(reads_.begin() + granted));
        reads_.erase(reads_.begin(), reads_.begin() + granted);
        for (Call &call : now)
            send(std::move(call));
    }

    void serve_client()
    {
        client_.service();
        for (http::Answer &answer : client_.take_answers()) {
            auto found = in_flight_.find(answer.tag);
            Call call = std::move(found->second);
            in_flight_.erase(found);
            take_answer(judge(std::move(call), std::move(answer)));
        }
    }

    void take_answer(Answered answered)
    {
        auto retry_after = core::parse_retry_after(answered.answer.retry_after, pg::to_core(GetCurrentTimestamp()));
        gate_.report(answered.verdict, retry_after);
        watch_gate(&answered);
        answers_.push_back(std::move(answered));
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

    // --- answers

    void record_answers()
    {
        std::vector<Answered> ready;
        std::vector<Answered> later;
        TimestampTz now = GetCurrentTimestamp();
        for (Answered &answered : answers_) {
            if (answered.call.purpose == Purpose::list_rooms) {
                take_list(answered);
                look_at_ = std::min(look_at_, reconciler_.next_sweep());
            } else {
                (answered.not_before <= now ? ready : later).push_back(std::move(answered));
            }
        }
        answers_ = std::move(later);
        if (ready.empty())
            return;

        Recorded recorded = record(std::move(ready), gate_.paused_until());
        for (Answered &answered : recorded.kept)
            answers_.push_back(std::move(answered));
        for (Call &call : recorded.next)
            reads_.push_back(std::move(call));
        for (const std::string &room : recorded.unmade)
            pg::ask_again(slot_, room);
        for (const std::string &room : recorded.rooms)
            pg::answer_waiting(slot_, room);
        look_at_ = 0;
    }

    void take_list(const Answered &answered)
    {
        if (answered.verdict != core::Verdict::done) {
            reconciler_.abandon();
            return;
        }
        try {
            for (Call &call : reconciler_.page(answered))
                reads_.push_back(std::move(call));
        } catch (...) {
            reconciler_.abandon();
            throw;
        }
    }

    // --- the database

    bool due() const
    {
        if (GetCurrentTimestamp() >= look_at_)
            return true;
        Locked locked(pg::shared::state());
        return slot_->due;
    }

    void look()
    {
        {
            Locked locked(pg::shared::state());
            slot_->due = false;
            slot_->wake_at = DT_NOEND;  // until we know better, whatever commits wakes us
        }
        Standing standing = look_at_standing();
        stand_ready(slot_);
        pause_for(standing.pause);
        TimestampTz next = GetCurrentTimestamp() + safety_look;
        if (standing.pause == Pause::none) {
            bool more = close_and_apply();
            ask_for_waiting_rooms(next);
            if (have_credentials_)
                watch_gate(nullptr);
            if (back_again_) {
                hurry_after_outage();
                back_again_ = false;
            }
            if (have_credentials_) {
                send_due();
                begin_sweep(standing.booked, next);
            }
            TimestampTz due_at = more ? 0 : next_due(busy_rooms());
            next = std::min(next, hold_back(due_at));
            if (have_credentials_ && gate_closed_)
                next = std::min(next, std::max(gate_.next(true), GetCurrentTimestamp() + look_again));
            pause_for(Pause::none);
        }
        look_at_ = next;
        Locked locked(pg::shared::state());
        slot_->wake_at = next;
    }

    // A row that is due but did not leave: Twilio's quota, our own limit or somebody's lock was in the way.
    TimestampTz hold_back(TimestampTz due_at) const
    {
        TimestampTz now = GetCurrentTimestamp();
        if (due_at > now)
            return due_at;
        if (!have_credentials_ || free_slots() == 0)
            return DT_NOEND;  // a reload or an answer makes us look again
        return std::max(now + look_again, gate_.next(true));
    }

    void ask_for_waiting_rooms(TimestampTz &next)
    {
        std::vector<std::string> asked = pg::take_asked(slot_);
        if (asked.empty())
            return;
        std::vector<std::string> left = asked;
        try {
            left = ask_for_rooms(asked);
        } catch (...) {
            for (const std::string &room : asked)
                pg::ask_again(slot_, room);
            throw;
        }
        for (const std::string &room : left) {
            pg::ask_again(slot_, room);
            next = std::min(next, GetCurrentTimestamp() + look_again);
        }
        // A room whose create was given up: those who wait learn it at once.
        for (const std::string &room : asked)
            pg::answer_waiting(slot_, room);
    }

    void send_due()
    {
        int granted = gate_.admit(free_slots(), true);
        if (granted == 0)
            return;
        std::vector<Call> calls;
        try {
            calls = claim(granted);
        } catch (...) {
            gate_.give_back(granted, true);
            throw;
        }
        int sent = 0;
        for (Call &call : calls) {
            if (call.request.write) {
                sent++;
                send(std::move(call));
            } else {
                reads_.push_back(std::move(call));
            }
        }
        gate_.give_back(granted - sent, true);
    }

    // While the gate is closed each probe is another room's, so that one whose call always fails does not
    // keep the gate closed.
    std::vector<Call> claim(int granted)
    {
        std::vector<std::string> busy = busy_rooms();
        if (!gate_closed_)
            return claim_due(granted, busy, callback_url());
        std::vector<std::string> left_out = busy;
        left_out.insert(left_out.end(), probed_.begin(), probed_.end());
        std::vector<Call> calls = claim_due(granted, left_out, callback_url());
        if (calls.empty() && !probed_.empty()) {
            probed_.clear();
            calls = claim_due(granted, busy, callback_url());
        }
        for (const Call &call : calls)
            probed_.push_back(call.room_id);
        return calls;
    }

    // A closed gate with nothing due is probed by a sweep: joins are refused until it opens.
    void begin_sweep(bool booked, TimestampTz &next)
    {
        TimestampTz now = GetCurrentTimestamp();
        bool probe = gate_closed_ && gate_.next(false) <= now;
        if (booked && !reconciler_.running() && reads_.empty() && (probe || now >= reconciler_.next_sweep())) {
            tidy_up();
            reads_.push_back(reconciler_.begin(now));
        }
        if (!reconciler_.running())
            next = std::min(next, std::max(reconciler_.next_sweep(), now + look_again));
    }

    void pause_for(Pause pause)
    {
        if (pause == Pause::none && !have_credentials_)
            pause = Pause::no_credentials;
        else if (pause == Pause::none && gate_.closed())
            pause = Pause::account;
        bool changed;
        {
            Locked locked(pg::shared::state());
            changed = slot_->pause != pause;
            slot_->pause = pause;
        }
        if (changed && pause != Pause::none)
            pg::answer_everybody(slot_);
    }

    // --- waiting and surviving

    void wait()
    {
        TimestampTz now = GetCurrentTimestamp();
        TimestampTz until = std::min(look_at_, now + safety_look);
        for (const Answered &answered : answers_)
            until = std::min(until, answered.not_before);
        if (!reads_.empty() && have_credentials_ && free_slots() > 0)
            until = std::min(until, gate_.next(false));
        long timeout = std::max(0L, TimestampDifferenceMilliseconds(now, until));
        if (rest_until_ > now)
            timeout = std::max(timeout, TimestampDifferenceMilliseconds(now, rest_until_));
        if (client_.timeout_ms() >= 0)
            timeout = std::min(timeout, client_.timeout_ms());

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
    void survive(const std::exception &error)
    {
        const auto *server = dynamic_cast<const pg::Error *>(&error);
        int code = server ? server->data()->sqlerrcode : ERRCODE_INTERNAL_ERROR;
        const char *text = error.what();
        const char *context = server ? server->data()->context : nullptr;
        rest_until_ = GetCurrentTimestamp() + pause_after_error;
        look_at_ = rest_until_;
        if (code == ERRCODE_LOCK_NOT_AVAILABLE)
            return;  // a client sits on a lock; the next round finds it gone or not
        pg::call([&] {
            ereport(LOG, errcode(code), errmsg("videoroom worker: %s", text),
                    context ? errcontext("%s", context) : 0);
        });
    }

    pg::shared::Database *slot_;
    http::Client client_;
    WaitEventSet *events_;
    MemoryContext context_;
    Gate gate_;
    Reconciler reconciler_;
    std::string callback_url_;
    std::map<std::uint64_t, Call> in_flight_;
    std::vector<Call> reads_;  // wait for the quota of reads
    std::vector<Answered> answers_;
    std::vector<std::string> probed_;  // rooms whose calls were probes since the gate closed
    std::uint64_t last_tag_ = 0;
    int credentials_seen_ = -1;
    bool have_credentials_ = false;
    bool gate_closed_ = false;  // as it was when we looked last
    bool back_again_ = false;
    TimestampTz look_at_ = 0;
    TimestampTz rest_until_ = 0;
};

void set_worker_defaults()
{
    const std::pair<const char *, const char *> defaults[] = {
        {"search_path", "pg_catalog, pg_temp"},
        {"lock_timeout", "100ms"},  // DROP EXTENSION never waits longer for a worker that waits itself
        {"statement_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
    };
    for (const auto &[name, value] : defaults)
        SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

}  // namespace

bool start_worker(Oid database, BackgroundWorkerHandle **handle)
{
    BackgroundWorker worker = {};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;  // the launcher sees to it
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    strlcpy(worker.bgw_library_name, "videoroom", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "videoroom_worker_main", BGW_MAXLEN);
    strlcpy(worker.bgw_name, "videoroom worker", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "videoroom worker", BGW_MAXLEN);
    return RegisterDynamicBackgroundWorker(&worker, handle);
}

}  // namespace videoroom::worker

extern "C" PGDLLEXPORT void videoroom_worker_main(Datum argument)
{
    using namespace videoroom;

    Oid database = DatumGetObjectId(argument);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    pqsignal(SIGPIPE, SIG_IGN);
    BackgroundWorkerUnblockSignals();

    pg::shared::Database *slot = worker::take_slot(database);
    if (!slot)
        proc_exit(0);
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    worker::set_worker_defaults();
    pg::wall([slot] {
        try {
            pg::Transaction().commit();  // is the extension here?
            worker::Worker(slot).run();
        } catch (const pg::ExtensionGone &) {
            return;
        }
    });
    worker::give_up_slot();
    proc_exit(0);
}
