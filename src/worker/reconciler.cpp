#include "worker/reconciler.hpp"

#include <utility>

#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "worker/actions/reads.hpp"

namespace videoroom::worker {
namespace {

// Stamps what Twilio just called alive; returns what it listed under a name of ours and we have not heard of,
// or have given up.
// A copy that let go of its original's sessions leaves those made since to the original too.
pg::Statement stamp_alive = {R"(
    UPDATE videoroom.session SET seen_alive_at = $2
     WHERE room_sid IN (SELECT s.room_sid FROM videoroom.session s
                         WHERE s.room_sid = ANY ($1) AND s.ended_at IS NULL
                           AND (s.seen_alive_at IS NULL OR s.seen_alive_at < $2)
                           FOR NO KEY UPDATE SKIP LOCKED))"};
pg::Statement select_unknown = {R"(
    SELECT r.room_id, listed.room_sid
      FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS listed (room_sid, room_id)
      JOIN videoroom.room r ON r.room_id = listed.room_id
     CROSS JOIN videoroom.home h
     WHERE (h.let_go_at IS NULL OR r.created_at > h.let_go_at)
       AND NOT EXISTS (SELECT FROM videoroom.session s
                        WHERE s.room_sid = listed.room_sid
                          AND (s.lost_at IS NULL OR s.detached_at IS NOT NULL
                               OR coalesce(s.ended_callback, s.ended_rest) IS NOT NULL)))"};

// What disagrees with the list, should have ended, or has been silent for a quarter of an hour. NOT IN: the
// list is hashed, where <> ALL would read it for each session.
pg::Statement select_odd = {R"(
    SELECT s.room_id, s.room_sid
      FROM videoroom.session s
      JOIN videoroom.room r ON r.room_id = s.room_id
     WHERE s.ended_at IS NULL
       AND (s.room_sid NOT IN (SELECT pg_catalog.unnest($1))
            OR r.cancelled_at IS NOT NULL OR r.ended_at IS NOT NULL OR r.completes_at < $2
            OR coalesce(s.read_at, s.started_at, '-infinity') < $2 - pg_catalog.make_interval(mins => 15))
     ORDER BY s.room_sid NOT IN (SELECT pg_catalog.unnest($1)) DESC, s.read_at NULLS FIRST
     LIMIT 1000)"};

// Of rooms and their sessions.
std::vector<Call> read_sessions(const pg::Rows &rows)
{
    std::vector<Call> calls;
    for (uint64 i = 0; i < rows.count(); i++)
        calls.push_back(read_session(rows.text(i, 1).value(), rows.text(i, 2).value()));
    return calls;
}

}  // namespace

TimestampTz Reconciler::next_sweep() const
{
    return began_at_ + pg::settings::reconcile_interval * USECS_PER_SEC;
}

TimestampTz Reconciler::sweep(Calls &calls, const Gate &gate, bool gate_closed)
{
    if (running_)
        return DT_NOEND;  // its end makes us look again
    TimestampTz admitted = gate.next(Quota::background);
    TimestampTz now = GetCurrentTimestamp();  // not before: a gate that is open says now
    bool due = core::has_come(next_sweep(), now, pg::settings::reconcile_interval * USECS_PER_SEC);
    if (!due && !(gate_closed && admitted <= now))
        return next_sweep();
    running_ = true;
    began_at_ = now;
    listed_.clear();
    calls.queue(read_rooms());
    return DT_NOEND;
}

void Reconciler::abandon(Calls &calls)
{
    calls.forget_background();
    stop();
}

void Reconciler::stop()
{
    running_ = false;
    listed_.clear();
}

std::vector<Call> Reconciler::take(const Answered &answered)
{
    std::vector<Call> calls;
    if (!running_)
        return calls;
    if (answered.verdict != core::Verdict::done) {
        stop();
        return calls;
    }
    try {
        calls = read_page(answered);
    } catch (...) {
        stop();
        throw;
    }
    return calls;
}

std::vector<Call> Reconciler::read_page(const Answered &answered)
{
    auto page = *core::parse_rooms(answered.answer.body);
    std::vector<std::string> sids;
    std::vector<std::string> names;
    for (const core::Room &room : page.elements) {
        sids.push_back(room.sid);
        names.push_back(room.unique_name);
    }
    listed_.insert(listed_.end(), sids.begin(), sids.end());

    std::vector<Call> calls = pg::in_transaction([&](pg::Spi &spi) {
        spi.execute(stamp_alive, {pg::text_array(sids), pg::timestamp(answered.call.sent_at)});
        return read_sessions(spi.execute(select_unknown, {pg::text_array(sids), pg::text_array(names)}));
    });

    if (auto next = next_page(answered.call, page.next_page_url))
        calls.push_back(std::move(*next));
    else {
        if (page.next_page_url.empty())
            for (Call &call : compare())
                calls.push_back(std::move(call));
        stop();
    }
    return calls;
}

std::vector<Call> Reconciler::compare() const
{
    return pg::in_transaction([&](pg::Spi &spi) {
        return read_sessions(spi.execute(select_odd, {pg::text_array(listed_), pg::timestamp(began_at_)}));
    });
}

}  // namespace videoroom::worker
