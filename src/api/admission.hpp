// The rules of joining, in their order: a join stops at the first one broken, videoroom_explain shows them
// all.
#pragma once

#include <span>
#include <string>

#include "api/refusal.hpp"
#include "api/seat_facts.hpp"
#include "pg/mailbox.hpp"
#include "pg/spi.hpp"

namespace videoroom::api {

struct Rule {
    const char *what;
    bool personal;  // about the person rather than the room
    const char *kept_means;
    const char *broken_means;                                           // and what helps
    const Refusal *(*broken)(const SeatFacts &facts, TimestampTz now);  // nullptr: it is kept
};

// 403 not a participant or removed, 404 cancelled or over, 403 not open yet, 503 in a restored copy.
std::span<const Rule> admission_rules() noexcept;

// Can the newest session be joined? Twilio ends one that nobody came to, that everybody has left, or that is
// a day old (Understanding Video Rooms). The time runs from when it was last known to be there.
bool usable(const SeatFacts &facts, TimestampTz now) noexcept;

// Why no session can come however long a join waits.
struct Obstacle {
    const Refusal *refusal = nullptr;  // nullptr: one may come
    std::string code = {};             // Twilio's, if it is Twilio that refuses
};
Obstacle hopeless(pg::Spi &spi, const std::string &room_id, const SeatFacts &facts);

// The same for what the mailbox says.
const Refusal *refusal_for(pg::Admission admission) noexcept;

}  // namespace videoroom::api
