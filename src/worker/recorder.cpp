#include "worker/recorder.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "pg/spi.hpp"
#include "pg/stats.hpp"
#include "pg/transaction.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

constexpr std::size_t most_savepoints = 50;  // beyond 64 a transaction's savepoints get slow for everybody
constexpr int most_recordings = 10;          // then the call is left to be repeated

pg::Statement lock_room = {R"(
    SELECT closed_at IS NOT NULL FROM videoroom.room WHERE room_id = $1 FOR NO KEY UPDATE SKIP LOCKED)"};
pg::Statement room_exists = {"SELECT FROM videoroom.room WHERE room_id = $1"};
pg::Statement put_off_row = {R"(
    UPDATE videoroom.outbox SET run_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(mins => 1)
     WHERE id = $1)"};

// Tries an answer again later.
void put_off(Answered &answered)
{
    TimestampTz delay = (50 * core::millisecond) << std::min(answered.waits++, 5);
    answered.not_before = GetCurrentTimestamp() + std::min<TimestampTz>(delay, USECS_PER_SEC);
}

// An answer that cannot be recorded at all is let go in the end: its row is still there, and every call may
// be repeated, but not at once.
bool give_up(pg::Spi &spi, Answered &answered, const pg::Error &error)
{
    const ErrorData *data = error.data();
    std::string room = answered.call.room_id;
    if (!std::exchange(answered.logged, true))
        pg::call([&] {
            ereport(LOG, errcode(data->sqlerrcode),
                    errmsg("could not record an answer of Twilio's for room \"%s\": %s", room.c_str(),
                           data->message),
                    data->context ? errcontext("%s", data->context) : 0);
        });
    if (answered.waits < most_recordings)
        return false;
    pg::Savepoint savepoint;
    spi.execute(put_off_row, {pg::bigint(answered.call.outbox_id)});
    savepoint.release();
    return true;
}

// True when the answer is done with.
bool record_one(pg::Spi &spi, Answered &answered, TimestampTz resume_at, Recorded &recorded)
{
    Effect effect;
    try {
        pg::Savepoint savepoint;
        pg::Rows mine = spi.execute(lock_room, {pg::text(answered.call.room_id)});
        if (mine.empty()) {
            bool exists = !spi.execute(room_exists, {pg::text(answered.call.room_id)}).empty();
            savepoint.release();
            if (exists)
                put_off(answered);
            return !exists;
        }
        effect = record_answer(spi, answered, mine.boolean(0, 1).value(), resume_at);
        savepoint.release();
    } catch (const pg::Error &e) {
        put_off(answered);
        return e.data()->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE && give_up(spi, answered, e);
    }
    recorded.rooms.push_back(answered.call.room_id);
    if (effect.unmade)
        recorded.unmade.push_back(answered.call.room_id);
    recorded.dead += effect.died ? 1 : 0;
    std::move(effect.follow_ups.begin(), effect.follow_ups.end(), std::back_inserter(recorded.follow_ups));
    return true;
}

}  // namespace

Recorded record(std::vector<Answered> &answers, TimestampTz resume_at)
{
    TimestampTz now = GetCurrentTimestamp();
    auto ready = std::stable_partition(answers.begin(), answers.end(), [now](const Answered &answered) {
        return answered.not_before <= now;
    });
    // The longest waiting ones; in the order in which everybody locks rooms.
    std::size_t count = std::min<std::size_t>(ready - answers.begin(), most_savepoints);
    std::stable_sort(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(count),
                     [](const Answered &a, const Answered &b) { return a.call.room_id < b.call.room_id; });

    Recorded recorded;
    std::vector<bool> done(answers.size(), false);
    pg::Transaction transaction;
    {
        pg::Spi spi;
        for (std::size_t i = 0; i < count; i++)
            done[i] = record_one(spi, answers[i], resume_at, recorded);
    }
    transaction.commit_asynchronously();
    pg::stats::count(&pg::stats::Calls::dead, recorded.dead);

    std::vector<Answered> left;
    for (std::size_t i = 0; i < answers.size(); i++)
        if (!done[i])
            left.push_back(std::move(answers[i]));
    answers = std::move(left);
    return recorded;
}

}  // namespace videoroom::worker
