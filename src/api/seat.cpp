#include "api/seat.hpp"

#include <algorithm>

#include "api/admission.hpp"

namespace videoroom::api {
namespace {

void check_admitted(const SeatFacts &facts, TimestampTz now)
{
    if (!facts.known)
        refuse(refusal::unknown_room);
    for (const Rule &rule : admission_rules()) {
        const Refusal *broken = rule.broken(facts, now);
        if (broken == &refusal::not_open)
            refuse(*broken, "opens_at", core::format_iso8601(pg::to_core(facts.opens_at)));
        if (broken)
            refuse(*broken);
    }
}

}  // namespace

SeatFacts read_newest_facts(std::string &room_id, const std::string &user_id)
{
    for (;;) {
        SeatFacts facts = read_seat_facts(room_id.c_str(), user_id.c_str());
        if (!facts.successor)
            return facts;
        room_id = facts.successor;
    }
}

Seat find_seat(std::string room_id, const std::string &user_id)
{
    SeatFacts facts = read_newest_facts(room_id, user_id);
    TimestampTz now = GetCurrentTimestamp();
    check_admitted(facts, now);
    auto room_sid = usable(facts, now) ? std::optional<std::string>(facts.session.room_sid) : std::nullopt;
    return {room_id, room_sid, std::max(facts.closes_at, facts.completes_at), facts};
}

}  // namespace videoroom::api
