#include "api/seat.hpp"

#include <algorithm>
#include <stdexcept>

#include "api/refusal.hpp"
#include "pg/home.hpp"

namespace videoroom::api {
namespace {

constexpr int longest_chain = 1000;

// The newest session counts. Twilio's answers tell whole seconds, its callbacks milliseconds: of two sessions
// that began in one second the open one is the newer.
pg::Statement find{R"(
    SELECT r.successor, r.xmin, r.cancelled_at IS NOT NULL, r.ended_at IS NOT NULL OR r.closed_at IS NOT NULL,
           r.opens_at, r.closes_at, r.completes_at,
           p.user_id IS NOT NULL, p.removed_at IS NOT NULL,
           h.database_oid = $4 AND h.table_oid = h.tableoid
           AND (h.system_identifier = $3 AND h.server_major = $5 OR h.server_major < $5),
           s.room_sid, s.ended_at, s.started_at, s.seen_alive_at, c.open, c.last_left,
           (r.options ->> 'empty_room_timeout')::integer, (r.options ->> 'unused_room_timeout')::integer
      FROM videoroom.room r
      JOIN videoroom.home h ON h.id = r.home
      LEFT JOIN videoroom.participant p ON p.room_id = r.room_id AND p.user_id = $2
      LEFT JOIN LATERAL (
           SELECT * FROM videoroom.session s
            WHERE s.room_id = r.room_id
            ORDER BY pg_catalog.date_trunc('second', coalesce(s.started_at, s.seen_alive_at, s.ended_at)) DESC,
                     s.ended_at IS NULL DESC, s.started_at DESC NULLS LAST, s.room_sid DESC
            LIMIT 1) s ON true
      LEFT JOIN LATERAL (
           SELECT pg_catalog.bool_or(c.disconnected_at IS NULL) AS open,
                  pg_catalog.max(c.disconnected_at) AS last_left
             FROM videoroom.connection c
            WHERE c.room_sid = s.room_sid) c ON true
     WHERE r.room_id = $1)"};

pg::Statement find_creates{R"(
    SELECT coalesce(pg_catalog.bool_and(o.dead_at IS NOT NULL), false)
      FROM videoroom.outbox o
     WHERE o.room_id = $1 AND o.action = 'create-room')"};

void check_admitted(const pg::Rows &row, TimestampTz now)
{
    if (!*row.boolean(0, 8))
        refuse(refusal::not_participant);
    if (*row.boolean(0, 9))
        refuse(refusal::removed);
    if (*row.boolean(0, 3))
        refuse(refusal::cancelled);
    if (*row.boolean(0, 4) || now >= *row.timestamp(0, 6))
        refuse(refusal::over);
    if (TimestampTz opens_at = *row.timestamp(0, 5); now < opens_at)
        refuse(refusal::not_open, "opens_at", core::format_iso8601(pg::to_core(opens_at)));
    if (!*row.boolean(0, 10))
        refuse(refusal::paused);
}

// Can the session be joined? Twilio ends one that nobody came to, that everybody has left, or that is a day
// old (Understanding Video Rooms). The time runs from when it was last known to be there.
bool usable(const pg::Rows &row, TimestampTz now)
{
    auto started_at = row.timestamp(0, 13);
    auto seen_at = row.timestamp(0, 14);
    if (!row.text(0, 11) || row.timestamp(0, 12) || (!started_at && !seen_at))
        return false;
    TimestampTz alive_at = std::max(seen_at.value_or(DT_NOBEGIN), started_at.value_or(DT_NOBEGIN));
    if (now >= started_at.value_or(alive_at) + USECS_PER_DAY)
        return false;

    std::optional<bool> open = row.boolean(0, 15);
    if (!open)
        return now < alive_at + *row.integer(0, 18) * USECS_PER_MINUTE;
    TimestampTz last_left = row.timestamp(0, 16).value_or(DT_NOBEGIN);
    return *open || now < std::max(alive_at, last_left) + *row.integer(0, 17) * USECS_PER_MINUTE;
}

}  // namespace

Seat find_seat(pg::Spi &spi, std::string room_id, const std::string &user_id)
{
    for (int i = 0; i < longest_chain; i++) {
        pg::Rows row = spi.read_latest(find, {pg::text(room_id), pg::text(user_id), pg::system_identifier(),
                                              pg::database_oid(), pg::server_major()});
        if (row.empty())
            refuse(refusal::unknown_room);
        if (auto successor = row.text(0, 1)) {
            room_id = *successor;
            continue;
        }
        TimestampTz now = GetCurrentTimestamp();
        check_admitted(row, now);
        auto writer = static_cast<TransactionId>(*row.integer(0, 2));  // an xid, which is as wide
        return {room_id, usable(row, now) ? row.text(0, 11) : std::nullopt,
                std::max(*row.timestamp(0, 6), *row.timestamp(0, 7)),
                TransactionIdIsCurrentTransactionId(writer)};
    }
    throw std::logic_error("chain of successors does not end");
}

bool creation_failed(pg::Spi &spi, const std::string &room_id)
{
    return *spi.read_latest(find_creates, {pg::text(room_id)}).boolean(0, 1);
}

}  // namespace videoroom::api
