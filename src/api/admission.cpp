#include "api/admission.hpp"

#include <algorithm>

#include "pg/home.hpp"

namespace videoroom::api {
namespace {

// Given up; or refused by Twilio for a minute, and again just now: a join need not wait for the next time.
pg::Statement find_creates{R"(
    SELECT coalesce(pg_catalog.bool_and(o.dead_at IS NOT NULL), false),
           pg_catalog.max(o.last_error ->> 'code')
               FILTER (WHERE o.dead_at IS NULL AND o.last_error ->> 'kind' IN ('later', 'denied', 'permanent')
                         AND (o.last_error ->> 'since')::timestamptz
                             < pg_catalog.clock_timestamp() - pg_catalog.make_interval(mins => 1)
                         AND (o.last_error ->> 'at')::timestamptz
                             > pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => 10))
      FROM videoroom.outbox o
     WHERE o.room_id = $1 AND o.action = 'create-room')"};

const Refusal *unless(bool kept, const Refusal &refusal)
{
    return kept ? nullptr : &refusal;
}

constexpr Rule rules[] = {
    {"invitation", true, "the person is on the room's list",
     "the person is not on the room's list; videoroom_add_participants invites",
     [](const SeatFacts &facts, TimestampTz) { return unless(facts.invited, refusal::not_participant); }},
    {"removal", true, "the person was not put out",
     "the person was put out; videoroom_add_participants lets them in again",
     [](const SeatFacts &facts, TimestampTz) { return unless(!facts.removed, refusal::removed); }},
    {"cancellation", false, "the booking stands", "the booking was cancelled, and no other took its place",
     [](const SeatFacts &facts, TimestampTz) { return unless(!facts.cancelled, refusal::cancelled); }},
    {"end", false, "the room is not over",
     "the room was ended, or its time is over; videoroom_extend works while it is open",
     [](const SeatFacts &facts, TimestampTz now) {
         // Those who drop out of a call that overruns may come back.
         bool overruns = now < facts.completes_at && usable(facts, now);
         return unless(!facts.over && (now < facts.closes_at || overruns), refusal::over);
     }},
    {"opening", false, "the room is open", "the room is not open yet",
     [](const SeatFacts &facts, TimestampTz now) {
         return unless(now >= facts.opens_at, refusal::not_open);
     }},
    {"home", false, "the rooms are this database's",
     "the rooms are another database's: see check home of videoroom_health()",
     [](const SeatFacts &, TimestampTz) {
         pg::Home home = pg::home();
         return unless(home == pg::Home::ours || home == pg::Home::upgraded, refusal::paused);
     }},
};

}  // namespace

std::span<const Rule> admission_rules() noexcept
{
    return rules;
}

bool usable(const SeatFacts &facts, TimestampTz now) noexcept
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

Obstacle hopeless(pg::Spi &spi, const std::string &room_id, const SeatFacts &facts)
{
    if (RecoveryInProgress())
        return {&refusal::standby};
    if (facts.ours)
        return {&refusal::uncommitted};
    pg::Rows creates = spi.read_latest(find_creates, {pg::text(room_id)});
    if (*creates.boolean(0, 1))
        return {&refusal::failed};
    if (auto code = creates.text(0, 2))
        return {&refusal::refused, *code};
    return {};
}

const Refusal *refusal_for(pg::Admission admission) noexcept
{
    switch (admission) {
        case pg::Admission::waiting:
            return nullptr;
        case pg::Admission::no_worker:
            return &refusal::no_worker;
        case pg::Admission::paused:
            return &refusal::paused;
        case pg::Admission::busy:
            return &refusal::busy;
    }
    return nullptr;
}

}  // namespace videoroom::api
