#include "worker/housekeeping.hpp"

#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace videoroom::worker {
namespace {

constexpr int batch = 50;
constexpr int purge_batch = 200;  // of rooms and of callbacks: a room has half a dozen of these
constexpr TimestampTz quiet_time = 60 * USECS_PER_SEC;  // between looks that found little

pg::Statement expire_rooms = {"SELECT videoroom.expire_rooms($1)"};
pg::Statement apply_pending = {"SELECT videoroom.apply_pending($1)"};
pg::Statement lose_sessions = {"SELECT videoroom.lose_sessions($1)"};
pg::Statement purge = {"SELECT videoroom.purge(pg_catalog.make_interval(secs => $1::pg_catalog.float8), $2)"};
pg::Statement select_next_due = {R"(
    SELECT least((SELECT pg_catalog.min(closes_at) FROM videoroom.room WHERE closed_at IS NULL),
                 (SELECT pg_catalog.min(retry_at) FROM videoroom.callback WHERE applied_at IS NULL)))"};

// Runs a function that says how many rows it dealt with.
int dealt_with(pg::Spi &spi, pg::Statement &statement, std::initializer_list<pg::Value> values)
{
    return spi.execute(statement, values).integer(0, 1).value_or(0);
}

TimestampTz next_due()
{
    TimestampTz due = DT_NOEND;
    pg::Transaction transaction;
    {
        pg::Spi spi;
        due = spi.execute(select_next_due).timestamp(0, 1).value_or(DT_NOEND);
    }
    transaction.commit();
    return due;
}

// True if there may be more.
bool close_and_apply()
{
    int most = 0;
    {
        pg::Transaction transaction;
        {
            pg::Spi spi;
            most = dealt_with(spi, expire_rooms, {pg::integer(batch)});
        }
        transaction.commit();
    }
    {
        pg::Transaction transaction;
        {
            pg::Spi spi;
            most = Max(most, dealt_with(spi, apply_pending, {pg::integer(batch)}));
        }
        transaction.commit();
    }
    return most >= batch;
}

bool give_up_lost()
{
    int lost = 0;
    pg::Transaction transaction;
    {
        pg::Spi spi;
        lost = dealt_with(spi, lose_sessions, {pg::integer(batch)});
    }
    transaction.commit();
    return lost >= batch;
}

bool forget_old()
{
    int forgotten = 0;
    pg::Transaction transaction;
    {
        pg::Spi spi;
        forgotten = dealt_with(spi, purge, {pg::integer(pg::settings::retention), pg::integer(purge_batch)});
    }
    transaction.commit();
    return forgotten >= purge_batch;
}

}  // namespace

TimestampTz Housekeeping::run()
{
    TimestampTz now = GetCurrentTimestamp();
    bool more = false;
    due_ = next_due();
    if (due_ <= now) {
        more = close_and_apply();
        due_ = next_due();
    }
    if (core::has_come(give_up_at_, now, quiet_time))
        give_up_at_ = now + (give_up_lost() ? USECS_PER_SEC : quiet_time);
    if (core::has_come(forget_at_, now, quiet_time))
        forget_at_ = now + (forget_old() ? 50 * core::millisecond : quiet_time);
    return more ? now : Min(give_up_at_, forget_at_);
}

}  // namespace videoroom::worker
