#include "worker/outbox.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "pg/spi.hpp"
#include "pg/stats.hpp"
#include "pg/transaction.hpp"
#include "worker/actions/action.hpp"

namespace videoroom::worker {
namespace {

constexpr auto ahead_class = static_cast<std::size_t>(Work::ahead);
constexpr TimestampTz longest_join_early = USECS_PER_HOUR;  // the most that the setting may be
constexpr TimestampTz longest_walk = 100 * core::millisecond;
constexpr int most_savepoints = 50;  // beyond 64 a transaction's savepoints get slow for everybody

// Rows of one class that are due, refused before or never, and none more urgent of the same room is. Their
// rooms are locked before what is due in them is read: a decision from facts that somebody is just changing
// would be about another room. A room that somebody holds is left out. The walk is along an index and stops
// when it has enough, however long the queue is. NOT IN makes a hash table of the rooms to skip; <> ALL would
// compare each row with each of them.
pg::Statement lock_due = {R"(
    SELECT d.id
      FROM videoroom.outbox d
      JOIN videoroom.room r ON r.room_id = d.room_id
     WHERE d.dead_at IS NULL AND d.priority = $4 AND (d.last_error IS NOT NULL)::pg_catalog.int4 = $6 AND d.run_at <= $1
       AND d.starts_at > $5
       AND d.room_id NOT IN (SELECT pg_catalog.unnest($2))
       AND NOT EXISTS (SELECT FROM videoroom.outbox u
                        WHERE u.room_id = d.room_id AND u.lane = d.lane AND u.dead_at IS NULL AND u.run_at <= $1
                          AND (u.priority, u.id) < (d.priority, d.id))
     ORDER BY d.run_at
     LIMIT $3
       FOR NO KEY UPDATE OF r SKIP LOCKED)"};

// The same for rooms made ahead, which go by the start of their bookings. The walk ends an hour, the most
// that videoroom.join_early may be, from now: what somebody made due earlier comes by lock_due, after them.
pg::Statement lock_due_ahead = {R"(
    SELECT d.id, d.starts_at
      FROM videoroom.outbox d
      JOIN videoroom.room r ON r.room_id = d.room_id
     WHERE d.dead_at IS NULL AND d.priority = 2 AND d.last_error IS NULL
       AND d.starts_at <= $4 AND (d.starts_at, d.id) > ($5, $6)
       AND d.run_at <= $1 AND d.room_id NOT IN (SELECT pg_catalog.unnest($2))
       AND NOT EXISTS (SELECT FROM videoroom.outbox u
                        WHERE u.room_id = d.room_id AND u.lane = d.lane AND u.dead_at IS NULL AND u.run_at <= $1
                          AND (u.priority, u.id) < (d.priority, d.id))
     ORDER BY d.starts_at, d.id
     LIMIT $3
       FOR NO KEY UPDATE OF r SKIP LOCKED)"};

// A room counts as closed from its closes_at on, whether housekeeping has said so or not. OFFSET 0: else the
// planner may read all sessions there are into a hash table to ask about a few.
pg::Statement select_due = {R"(
    SELECT o.id, o.room_id, o.action, o.target, o.priority::pg_catalog.int4 AS priority, o.attempts, o.sent_at,
           r.closed_at IS NOT NULL OR r.closes_at <= $1 AS closed,
           EXISTS (SELECT FROM videoroom.outbox c
                    WHERE c.room_id = o.room_id AND c.action = 'create-room' AND c.sent_at IS NOT NULL OFFSET 0) AS create_sent,
           (SELECT s.room_sid FROM videoroom.session s
             WHERE s.room_id = o.room_id AND s.ended_at IS NULL
             ORDER BY s.started_at DESC NULLS LAST, s.room_sid LIMIT 1) AS open_sid
      FROM ROWS FROM (pg_catalog.unnest($2)) WITH ORDINALITY AS due (id, place)
      JOIN videoroom.outbox o ON o.id = due.id AND o.dead_at IS NULL AND o.run_at <= $1
      JOIN videoroom.room r ON r.room_id = o.room_id
     ORDER BY due.place
       FOR UPDATE OF o SKIP LOCKED)"};

pg::Statement mark_sent = {R"(
    UPDATE videoroom.outbox SET sent_at = $2, attempts = attempts + 1 WHERE id = ANY ($1))"};
pg::Statement mark_tried = {R"(
    UPDATE videoroom.outbox SET attempts = attempts + 1 WHERE id = ANY ($1))"};
pg::Statement drop_rows = {"DELETE FROM videoroom.outbox WHERE id = ANY ($1)"};
pg::Statement settle_rooms = {"SELECT videoroom.settle_rooms($1)"};
pg::Statement postpone_rows = {R"(
    UPDATE videoroom.outbox o SET run_at = later.run_at, priority = 3
      FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS later (id, run_at) WHERE o.id = later.id)"};
pg::Statement bury_rows = {R"(
    UPDATE videoroom.outbox
       SET dead_at = $2,
           last_error = coalesce(last_error, '{}')
                        OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('kind', 'deadline', 'message', 'too late to be of use', 'at', $2)
     WHERE id = ANY ($1))"};

pg::Statement bury_unusable = {R"(
    UPDATE videoroom.outbox
       SET dead_at = $2,
           last_error = pg_catalog.jsonb_build_object('kind', 'unusable', 'message', $3, 'at', $2)
     WHERE id = $1)"};

pg::Statement ask_for_room = {R"(
    SELECT videoroom.enqueue(r.room_id, 'create-room', '', 1, pg_catalog.clock_timestamp())
      FROM (SELECT room_id FROM videoroom.room
             WHERE room_id = $1 AND closed_at IS NULL FOR NO KEY UPDATE SKIP LOCKED) AS r
     WHERE NOT EXISTS (SELECT FROM videoroom.outbox o
                        WHERE o.room_id = r.room_id AND o.action = 'create-room' AND o.dead_at IS NOT NULL))"};
pg::Statement is_locked = {R"(
    SELECT NOT EXISTS (SELECT FROM (SELECT FROM videoroom.room r WHERE r.room_id = $1
                                       FOR NO KEY UPDATE SKIP LOCKED) AS mine)
       AND EXISTS (SELECT FROM videoroom.room r WHERE r.room_id = $1))"};

pg::Statement hurry = {R"(
    UPDATE videoroom.outbox SET run_at = pg_catalog.clock_timestamp()
     WHERE id IN (SELECT id FROM videoroom.outbox
                   WHERE dead_at IS NULL AND run_at > pg_catalog.clock_timestamp() AND attempts > 0
                     AND last_error OPERATOR(pg_catalog.->>) 'kind' IN ('unavailable', 'limited', 'unauthorized', 'denied')
                   LIMIT $1
                     FOR UPDATE SKIP LOCKED))"};

pg::Statement select_next_due = {R"(
    SELECT pg_catalog.min(first.run_at)
      FROM pg_catalog.generate_series(0, 3) AS p (priority)
     CROSS JOIN pg_catalog.generate_series(0, 1) AS f (refused)
      LEFT JOIN LATERAL (SELECT o.run_at FROM videoroom.outbox o
                          WHERE o.dead_at IS NULL AND o.priority = p.priority
                            AND (o.last_error IS NOT NULL)::pg_catalog.int4 = f.refused
                            AND o.room_id NOT IN (SELECT pg_catalog.unnest($1))
                          ORDER BY o.run_at LIMIT 1) AS first ON true
     GROUP BY p.priority
     ORDER BY p.priority)"};

// What is to become of the rows that were read.
struct Plan {
    std::vector<Call> calls;
    std::vector<int64> sent;
    std::vector<int64> tried;
    std::vector<int64> dropped;
    std::vector<std::string> dropped_rooms;
    std::vector<int64> postponed;
    std::vector<std::optional<TimestampTz>> until;
    std::vector<int64> dead;
    std::vector<std::pair<int64, std::string>> unusable;  // and why

    void add(const Row &row, Decision decision)
    {
        switch (decision.fate) {
            case Decision::Fate::call:
                (decision.call->request.write ? sent : tried).push_back(row.id);
                calls.push_back(std::move(*decision.call));
                break;
            case Decision::Fate::drop:
                dropped.push_back(row.id);
                dropped_rooms.push_back(row.room_id);
                break;
            case Decision::Fate::postpone:
                postponed.push_back(row.id);
                until.emplace_back(decision.not_before);
                break;
            case Decision::Fate::bury:
                dead.push_back(row.id);
                break;
        }
    }

    bool settled() const
    {
        return !dropped.empty() || !postponed.empty() || !dead.empty() || !unusable.empty();
    }
};

// From where the last walk stopped, or from the beginning if that was not just now or finds too few.
pg::Rows lock_rooms_ahead(pg::Spi &spi, uint64 most, const pg::Value &busy, TimestampTz now,
                          ScanPosition &ahead)
{
    auto walk = [&] {
        return spi.execute(lock_due_ahead, {pg::timestamp(now), busy, pg::bigint(static_cast<int64>(most)),
                                            pg::timestamp(now + longest_join_early),
                                            pg::timestamp(ahead.starts_at), pg::bigint(ahead.id)});
    };
    const ScanPosition beginning{.until = now + longest_walk};
    bool from_beginning = core::has_come(ahead.until, now, longest_walk);
    if (from_beginning)
        ahead = beginning;
    pg::Rows rows = walk();
    if (rows.count() < most && !from_beginning) {
        ahead = beginning;
        rows = walk();
    }
    if (rows.count() < most) {
        ahead = ScanPosition();
    } else {
        ahead.starts_at = rows.timestamp(most - 1, 2).value();
        ahead.id = rows.bigint(most - 1, 1).value();
    }
    return rows;
}

// The most urgent classes first, as many rows of each as `most` says.
std::vector<int64> lock_due_rooms(pg::Spi &spi, const PerClass &most, const std::vector<std::string> &busy,
                                  TimestampTz now, ScanPosition &ahead)
{
    std::vector<int64> ids;
    const pg::Value moment = pg::timestamp(now), skipped = pg::text_array(busy);
    for (std::size_t work = 0; work < most.size(); work++) {
        int left = most[work];
        auto add = [&](const pg::Rows &rows) {
            for (uint64 i = 0; i < rows.count(); i++, left--)
                ids.push_back(rows.bigint(i, 1).value());
        };
        TimestampTz starts_after = DT_NOBEGIN;
        if (left > 0 && work == ahead_class) {
            starts_after = now + longest_join_early;
            add(lock_rooms_ahead(spi, static_cast<uint64>(left), skipped, now, ahead));
        }
        for (int refused = 0; refused <= 1 && left > 0; refused++)
            add(spi.execute(lock_due,
                            {moment, skipped, pg::bigint(left), pg::integer(static_cast<int32>(work)),
                             pg::timestamp(refused ? DT_NOBEGIN : starts_after), pg::integer(refused)}));
    }
    return ids;
}

// The facts that the rows' actions need: one statement for each action among them.
class FactTable {
public:
    FactTable(pg::Spi &spi, const pg::Rows &due, TimestampTz now)
    {
        rows_.reserve(actions().size());
        for (const Action *action : actions()) {
            std::vector<int64> ids;
            for (uint64 i = 0; i < due.count(); i++)
                if (pg::Record(due, i).text("action") == action->name)
                    ids.push_back(pg::Record(due, i).bigint("id").value());
            if (!ids.empty())
                read(*action, spi.execute(action->facts, {pg::bigint_array(ids), pg::timestamp(now)}));
        }
    }

    Decision decide(const Row &row, const Circumstances &circumstances) const
    {
        const auto &[action, facts] = of_row_.at(row.id);
        return action->decide(row, facts, circumstances);
    }

private:
    void read(const Action &action, pg::Rows rows)
    {
        rows_.push_back(std::move(rows));
        for (uint64 i = 0; i < rows_.back().count(); i++) {
            pg::Record facts(rows_.back(), i);
            of_row_.emplace(facts.bigint("id").value(), std::pair(&action, facts));
        }
    }

    std::vector<pg::Rows> rows_;
    std::map<int64, std::pair<const Action *, pg::Record>> of_row_;
};

Row read_row(const pg::Record &record)
{
    return {record.bigint("id").value(),
            Work(record.integer("priority").value()),
            record.text("room_id").value(),
            record.text("target").value(),
            record.integer("attempts").value(),
            record.timestamp("sent_at"),
            record.boolean("closed").value(),
            record.boolean("create_sent").value(),
            record.text("open_sid")};
}

// As many calls of each class as `most` says.
Plan plan_rows(pg::Spi &spi, const pg::Rows &due, PerClass most, const Circumstances &circumstances)
{
    Plan plan;
    const FactTable facts(spi, due, circumstances.now);
    for (uint64 i = 0; i < due.count(); i++) {
        Row row = read_row(pg::Record(due, i));
        int &left = most[static_cast<std::size_t>(row.work)];
        if (left == 0)
            continue;
        try {
            Decision decision = facts.decide(row, circumstances);
            left -= decision.fate == Decision::Fate::call ? 1 : 0;
            plan.add(row, std::move(decision));
        } catch (const core::InvalidInput &e) {
            plan.unusable.emplace_back(row.id, e.what());  // options of another version's: no other row waits
        }
    }
    return plan;
}

// What the facts still ask for is put back by settling.
void drop(pg::Spi &spi, const Plan &plan)
{
    spi.execute(drop_rows, {pg::bigint_array(plan.dropped)});
    spi.execute(settle_rooms, {pg::text_array(plan.dropped_rooms)});
}

// Reads what is due, and writes what becomes of it.
Plan take_due(pg::Spi &spi, const PerClass &most, int rows, const std::vector<std::string> &busy,
              std::string_view callback_url, ScanPosition &ahead)
{
    TimestampTz now = GetCurrentTimestamp();
    Plan plan;
    PerClass looked_at = most;
    for (int &count : looked_at)
        count = count > 0 ? std::max(count, rows) : 0;
    std::vector<int64> due = lock_due_rooms(spi, looked_at, busy, now, ahead);
    if (!due.empty())
        plan = plan_rows(spi, spi.execute(select_due, {pg::timestamp(now), pg::bigint_array(due)}), most,
                         {now, callback_url});
    if (!plan.sent.empty())
        spi.execute(mark_sent, {pg::bigint_array(plan.sent), pg::timestamp(now)});
    if (!plan.tried.empty())
        spi.execute(mark_tried, {pg::bigint_array(plan.tried)});
    if (!plan.dropped.empty())
        drop(spi, plan);
    if (!plan.postponed.empty())
        spi.execute(postpone_rows, {pg::bigint_array(plan.postponed), pg::timestamp_array(plan.until)});
    if (!plan.dead.empty())
        spi.execute(bury_rows, {pg::bigint_array(plan.dead), pg::timestamp(now)});
    for (const auto &[id, why] : plan.unusable)
        spi.execute(bury_unusable, {pg::bigint(id), pg::timestamp(now), pg::text(why)});
    return plan;
}

}  // namespace

Claimed claim_due(const PerClass &most, int rows, const std::vector<std::string> &busy,
                  std::string_view callback_url, ScanPosition &ahead)
{
    Plan plan;
    {
        pg::Transaction transaction;
        {
            pg::Spi spi;
            plan = take_due(spi, most, rows, busy, callback_url, ahead);
        }
        transaction.commit_durably();
    }
    pg::stats::count(&pg::stats::Calls::dead, plan.dead.size() + plan.unusable.size());
    return {std::move(plan.calls), plan.settled()};
}

std::vector<std::string> ask_for_rooms(const std::vector<std::string> &rooms)
{
    return pg::in_transaction([&](pg::Spi &spi) {
        std::vector<std::string> left;
        int taken = 0;
        for (const std::string &room : rooms) {
            if (++taken > most_savepoints) {
                left.push_back(room);
                continue;
            }
            pg::Savepoint savepoint;
            bool busy = spi.execute(is_locked, {pg::text(room)}).boolean(0, 1).value();
            if (busy)
                left.push_back(room);
            else
                spi.execute(ask_for_room, {pg::text(room)});
            savepoint.release();
        }
        return left;
    });
}

void hurry_after_outage()
{
    constexpr int batch = 1000;
    while (pg::in_transaction(
               [](pg::Spi &spi) { return spi.execute(hurry, {pg::integer(batch)}).count(); }) == batch)
        continue;
}

std::array<TimestampTz, row_classes> next_due(const std::vector<std::string> &busy)
{
    return pg::in_transaction([&](pg::Spi &spi) {
        pg::Rows rows = spi.execute(select_next_due, {pg::text_array(busy)});
        std::array<TimestampTz, row_classes> due;
        for (std::size_t work = 0; work < due.size(); work++)
            due[work] = rows.timestamp(work, 1).value_or(DT_NOEND);
        return due;
    });
}

}  // namespace videoroom::worker
