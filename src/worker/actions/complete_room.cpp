// complete-room: ends a room's session.
#include "worker/actions/action.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

pg::Statement select_facts = {R"(
    SELECT o.id, r.cancelled_at IS NOT NULL OR r.ended_at IS NOT NULL AS on_purpose,
           least(r.completes_at, (SELECT now.deserted_until FROM videoroom.standing now WHERE now.room_id = r.room_id)) AS due,
           open.since AS open_since, open.alive_at
      FROM videoroom.outbox o
      JOIN videoroom.room r ON r.room_id = o.room_id
     CROSS JOIN LATERAL (
           SELECT pg_catalog.max(s.started_at) AS since, pg_catalog.max(s.seen_alive_at) AS alive_at
             FROM videoroom.session s
            WHERE s.room_id = o.room_id AND s.ended_at IS NULL) AS open
     WHERE o.id = ANY ($1))"};

void completed(Recording &recording)
{
    const Call &call = recording.call();
    const core::Room &room = *recording.answered().room;
    recording.facts().session(call.room_id, room, call.sent_at);
    if (room.status == "in-progress")
        recording.back_off();
    else
        recording.finish();
}

// Twilio says that there is nothing to end: look whether it has ended. While the facts do not say so too,
// settling would put the row back at once.
const Kind confirm = {.action = core::Action::fetch_room, .readable = is_room_by_sid, .done = completed};

const Kind complete = {.action = core::Action::complete_room,
                       .readable = is_room_by_sid,
                       .done = completed,
                       .already_so =
                           [](Recording &recording) {
                               if (recording.call().room_sid.empty())
                                   recording.finish();
                               else
                                   recording.follow(confirm, core::fetch_room(recording.call().room_sid));
                           },
                       .shows_room_limit = true};

Decision decide(const Row &row, const pg::Record &facts, const Circumstances &circumstances)
{
    TimestampTz due = facts.timestamp("due").value();
    std::optional<TimestampTz> open_since = facts.timestamp("open_since");
    if (!facts.boolean("on_purpose").value() && due > circumstances.now)
        return Decision::postpone(due);
    // Twilio: no room outlives 24 hours, unless it shows us one that does.
    TimestampTz oldest = circumstances.now - USECS_PER_DAY;
    if (row.open_sid && open_since && *open_since <= oldest &&
        facts.timestamp("alive_at").value_or(DT_NOBEGIN) <= *open_since + USECS_PER_DAY)
        return Decision::bury();
    if (!row.open_sid && !row.create_sent)
        return Decision::drop();
    Call call =
        call_for(row, complete, core::complete_room(row.open_sid.value_or(row.room_id)), circumstances.now);
    call.room_sid = row.open_sid.value_or("");
    return Decision::send(std::move(call));
}

}  // namespace

extern const Action complete_room;
const Action complete_room = {.name = "complete-room", .facts = select_facts, .decide = decide};

}  // namespace videoroom::worker
