#include "api/seat.hpp"

#include <algorithm>
#include <stdexcept>

#include "api/refusal.hpp"
#include "api/seat_facts.hpp"
#include "pg/home.hpp"

namespace videoroom::api {
namespace {

constexpr int longest_chain = 1000;

pg::Statement find_creates{R"(
    SELECT coalesce(pg_catalog.bool_and(o.dead_at IS NOT NULL), false)
      FROM videoroom.outbox o
     WHERE o.room_id = $1 AND o.action = 'create-room')"};

void check_admitted(const SeatFacts &facts, TimestampTz now)
{
    if (!facts.invited)
        refuse(refusal::not_participant);
    if (facts.removed)
        refuse(refusal::removed);
    if (facts.cancelled)
        refuse(refusal::cancelled);
    if (facts.over || now >= facts.closes_at)
        refuse(refusal::over);
    if (now < facts.opens_at)
        refuse(refusal::not_open, "opens_at", core::format_iso8601(pg::to_core(facts.opens_at)));
    if (pg::Home home = pg::home(); home != pg::Home::ours && home != pg::Home::upgraded)
        refuse(refusal::paused);
}

// Can the session be joined? Twilio ends one that nobody came to, that everybody has left, or that is a day
// old (Understanding Video Rooms). The time runs from when it was last known to be there.
bool usable(const SeatFacts &facts, TimestampTz now)
{
    const SessionFacts &session = facts.session;
    TimestampTz alive_at = std::max(session.seen_alive_at, session.started_at);
    if (!session.room_sid || session.ended || alive_at == DT_NOBEGIN)
        return false;
    TimestampTz began_at = session.started_at == DT_NOBEGIN ? alive_at : session.started_at;
    if (now >= began_at + USECS_PER_DAY)
        return false;
    if (!session.visited)
        return now < alive_at + facts.unused_minutes * USECS_PER_MINUTE;
    return session.occupied ||
           now < std::max(alive_at, session.last_left) + facts.empty_minutes * USECS_PER_MINUTE;
}

}  // namespace

Seat find_seat(std::string room_id, const std::string &user_id)
{
    for (int i = 0; i < longest_chain; i++) {
        SeatFacts facts = read_seat_facts(room_id.c_str(), user_id.c_str());
        if (!facts.known)
            refuse(refusal::unknown_room);
        if (facts.successor) {
            room_id = facts.successor;
            continue;
        }
        TimestampTz now = GetCurrentTimestamp();
        check_admitted(facts, now);
        auto room_sid =
            usable(facts, now) ? std::optional<std::string>(facts.session.room_sid) : std::nullopt;
        return {room_id, room_sid, std::max(facts.closes_at, facts.completes_at),
                TransactionIdIsCurrentTransactionId(facts.writer)};
    }
    throw std::logic_error("chain of successors does not end");
}

bool creation_failed(pg::Spi &spi, const std::string &room_id)
{
    return *spi.read_latest(find_creates, {pg::text(room_id)}).boolean(0, 1);
}

}  // namespace videoroom::api
