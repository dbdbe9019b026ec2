#include "worker/housekeeping.hpp"

#include <algorithm>

#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace videoroom::worker {
namespace {

constexpr int batch = 50;
constexpr int purge_batch = 200;  // of rooms and of callbacks: a room has half a dozen of these
constexpr TimestampTz quiet_time = 60 * USECS_PER_SEC;     // between looks that found little
constexpr TimestampTz held_time = 50 * core::millisecond;  // while somebody holds the room of a callback

pg::Statement expire_rooms = {"SELECT videoroom.expire_rooms($1)"};
pg::Statement apply_pending = {"SELECT videoroom.apply_pending($1)"};
pg::Statement lose_sessions = {"SELECT videoroom.lose_sessions($1)"};
pg::Statement purge = {"SELECT videoroom.purge(pg_catalog.make_interval(secs => $1::pg_catalog.float8), $2)"};
pg::Statement select_next_due = {R"(
    SELECT (SELECT pg_catalog.min(coalesce(overrun_until, closes_at)) FROM videoroom.room WHERE closed_at IS NULL),
           (SELECT pg_catalog.min(retry_at) FROM videoroom.callback WHERE applied_at IS NULL))"};

struct NextDue {
    TimestampTz closing = DT_NOEND;   // a room's time is over
    TimestampTz callback = DT_NOEND;  // a callback is to be tried again
    bool by(TimestampTz moment) const { return std::min(closing, callback) <= moment; }
};

// Runs a function that says how many rows it dealt with.
int dealt_with(pg::Statement &statement, std::initializer_list<pg::Value> values)
{
    return pg::in_transaction(
        [&](pg::Spi &spi) { return spi.execute(statement, values).integer(0, 1).value_or(0); });
}

NextDue next_due()
{
    return pg::in_transaction([](pg::Spi &spi) {
        pg::Rows rows = spi.execute(select_next_due);
        return NextDue{rows.timestamp(0, 1).value_or(DT_NOEND), rows.timestamp(0, 2).value_or(DT_NOEND)};
    });
}

}  // namespace

TimestampTz Housekeeping::run(Patience &patience)
{
    TimestampTz now = GetCurrentTimestamp();
    bool more = false;
    NextDue due = next_due();
    if (due.by(now)) {
        int closed = dealt_with(expire_rooms, {pg::integer(batch)});
        int applied = dealt_with(apply_pending, {pg::integer(batch)});
        more = Max(closed, applied) >= batch;
        due = next_due();
    }
    if (core::has_come(give_up_at_, now, quiet_time)) {
        int lost = dealt_with(lose_sessions, {pg::integer(batch)});
        give_up_at_ = now + (lost >= batch ? USECS_PER_SEC : quiet_time);
    }
    if (core::has_come(forget_at_, now, quiet_time)) {
        int forgotten = dealt_with(purge, {pg::integer(pg::settings::retention), pg::integer(purge_batch)});
        forget_at_ = now + (forgotten >= purge_batch ? 50 * core::millisecond : quiet_time);
    }
    if (more)
        return now;
    now = GetCurrentTimestamp();
    // What is due still has a room that somebody holds.
    return std::min({give_up_at_, forget_at_, due.closing > now ? due.closing : patience.again(),
                     due.callback > now ? due.callback : now + held_time});
}

}  // namespace videoroom::worker
