#include "worker/answers.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <utility>

#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/stats.hpp"
#include "pg/transaction.hpp"
#include "worker/answer_batch.hpp"

namespace videoroom::worker {
namespace {

constexpr std::ptrdiff_t most_answers = 25;  // that are recorded at once, and no call leaves meanwhile
constexpr int most_tries = 10;               // then the call is left to be repeated

pg::Statement lock_rooms = {R"(
    SELECT room_id, closed_at IS NOT NULL FROM videoroom.room
     WHERE room_id = ANY ($1) ORDER BY room_id FOR NO KEY UPDATE SKIP LOCKED)"};
pg::Statement select_rooms = {"SELECT room_id FROM videoroom.room WHERE room_id = ANY ($1)"};
pg::Statement put_off_row = {R"(
    UPDATE videoroom.outbox SET run_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(mins => 1)
     WHERE id = $1)"};

using Batch = std::span<Answered>;

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
    if (answered.waits < most_tries)
        return false;
    pg::Savepoint savepoint;
    spi.execute(put_off_row, {pg::bigint(answered.call.outbox_id)});
    savepoint.release();
    return true;
}

std::vector<std::string> rooms_of(Batch batch)
{
    std::vector<std::string> rooms;
    for (const Answered &answered : batch)
        rooms.push_back(answered.call.room_id);
    return rooms;
}

// Answers whose rooms somebody holds are put off; those whose rooms are gone are done with.
void leave(pg::Spi &spi, const std::vector<Answered *> &left)
{
    std::vector<std::string> rooms;
    rooms.reserve(left.size());
    for (const Answered *answered : left)
        rooms.push_back(answered->call.room_id);
    const std::vector<std::string> there = spi.execute(select_rooms, {pg::text_array(rooms)}).texts();
    for (Answered *answered : left) {
        if (std::find(there.begin(), there.end(), answered->call.room_id) != there.end())
            put_off(*answered);
        else
            answered->recorded = true;
    }
}

// Records them in one savepoint: all, or none and an error.
void record_together(pg::Spi &spi, Batch batch, TimestampTz resume_at, Recorded &recorded)
{
    pg::Savepoint savepoint;
    std::map<std::string, bool> closed;
    pg::Rows mine = spi.execute(lock_rooms, {pg::text_array(rooms_of(batch))});
    for (uint64 i = 0; i < mine.count(); i++)
        closed.emplace(mine.text(i, 1).value(), mine.boolean(i, 2).value());

    AnswerBatch answers(spi, resume_at);
    std::vector<Answered *> done, left;
    for (Answered &answered : batch) {
        auto room = closed.find(answered.call.room_id);
        if (room != closed.end())
            answers.add(answered, room->second);
        (room != closed.end() ? done : left).push_back(&answered);
    }
    Effects effects = done.empty() ? Effects() : answers.write();
    if (!left.empty())
        leave(spi, left);
    savepoint.release();

    for (Answered *answered : done) {
        answered->recorded = true;
        recorded.rooms.push_back(answered->call.room_id);
    }
    recorded.dead += effects.dead;
    std::move(effects.unmade.begin(), effects.unmade.end(), std::back_inserter(recorded.unmade));
    std::move(effects.follow_ups.begin(), effects.follow_ups.end(), std::back_inserter(recorded.follow_ups));
}

void record_alone(pg::Spi &spi, Answered &answered, TimestampTz resume_at, Recorded &recorded)
{
    try {
        record_together(spi, Batch(&answered, 1), resume_at, recorded);
    } catch (const pg::Error &e) {
        put_off(answered);
        if (e.data()->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
            answered.recorded = give_up(spi, answered, e);
    }
}

// One that cannot be recorded must not keep the others from it: then each is recorded on its own, and says
// what is wrong with it.
void record_batch(pg::Spi &spi, Batch batch, TimestampTz resume_at, Recorded &recorded)
{
    if (batch.size() > 1) {
        try {
            record_together(spi, batch, resume_at, recorded);
            return;
        } catch (const pg::Error &e) {
            const ErrorData *data = e.data();
            pg::call([&] {
                ereport(DEBUG1, errcode(data->sqlerrcode),
                        errmsg_internal("answers are recorded one by one: %s", data->message));
            });
        }
    }
    for (Answered &answered : batch)
        record_alone(spi, answered, resume_at, recorded);
}

}  // namespace

void Answers::add(Answered answered)
{
    bool of_row = answered.call.outbox_id != 0;
    answers_.push_back(std::move(answered));
    if (!of_row)
        drop_one_too_many();
}

void Answers::drop_one_too_many()
{
    auto droppable = [](const Answered &answered) {
        return !answered.call.outbox_id && !answered.call.room_id.empty();
    };
    if (std::count_if(answers_.begin(), answers_.end(), droppable) <= pg::settings::max_requests)
        return;
    auto worse = [&](const Answered &a, const Answered &b) {
        return std::pair(droppable(a), a.waits) < std::pair(droppable(b), b.waits);
    };
    answers_.erase(std::max_element(answers_.begin(), answers_.end(), worse));
}

std::vector<Answered> Answers::take_lists()
{
    auto first = std::stable_partition(answers_.begin(), answers_.end(), [](const Answered &answered) {
        return !answered.call.room_id.empty();
    });
    std::vector<Answered> lists(std::make_move_iterator(first), std::make_move_iterator(answers_.end()));
    answers_.erase(first, answers_.end());
    return lists;
}

int Answers::ready() const
{
    TimestampTz now = GetCurrentTimestamp();
    return static_cast<int>(std::count_if(answers_.begin(), answers_.end(), [now](const Answered &answered) {
        return answered.not_before <= now;
    }));
}

TimestampTz Answers::next() const
{
    TimestampTz next = DT_NOEND;
    for (const Answered &answered : answers_)
        next = std::min(next, answered.not_before);
    return next;
}

Recorded Answers::record(TimestampTz resume_at)
{
    TimestampTz now = GetCurrentTimestamp();
    Recorded recorded;
    if (ready() == 0)
        return recorded;
    for (Answered &answered : answers_)
        answered.recorded = false;  // the last transaction may have failed
    auto ready_end = std::stable_partition(answers_.begin(), answers_.end(), [now](const Answered &answered) {
        return answered.not_before <= now;
    });
    // The longest waiting ones; in the order in which everybody locks rooms.
    auto count = std::min<std::ptrdiff_t>(ready_end - answers_.begin(), most_answers);
    std::stable_sort(answers_.begin(), answers_.begin() + count,
                     [](const Answered &a, const Answered &b) { return a.call.room_id < b.call.room_id; });

    pg::Transaction transaction;
    {
        pg::Spi spi;
        record_batch(spi, Batch(answers_.data(), static_cast<std::size_t>(count)), resume_at, recorded);
    }
    transaction.commit_asynchronously();
    pg::stats::count(&pg::stats::Calls::dead, recorded.dead);
    recorded.any = std::erase_if(answers_, [](const Answered &answered) { return answered.recorded; }) > 0;
    return recorded;
}

void Answers::add_busy_rooms(std::vector<std::string> &rooms) const
{
    for (const Answered &answered : answers_)
        if (answered.call.outbox_id)
            rooms.push_back(answered.call.room_id);
}

}  // namespace videoroom::worker
