// complete-room: ends a room's session. Before it ends one that people were left alone in who are not
// invited, it asks Twilio who is there: that somebody came back may have been told to nobody.
#include <algorithm>

#include "worker/actions/action.hpp"
#include "worker/actions/reads.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

pg::Statement select_facts = {R"(
    SELECT o.id, r.cancelled_at IS NOT NULL OR r.ended_at IS NOT NULL AS on_purpose,
           r.completes_at, (SELECT now.deserted_until FROM videoroom.standing now WHERE now.room_id = r.room_id) AS deserted_until,
           (o.params OPERATOR(pg_catalog.->>) 'asked_at')::pg_catalog.timestamptz AS asked_at,
           open.since AS open_since, open.alive_at
      FROM videoroom.outbox o
      JOIN videoroom.room r ON r.room_id = o.room_id
     CROSS JOIN LATERAL (
           SELECT pg_catalog.max(s.started_at) AS since, pg_catalog.max(s.seen_alive_at) AS alive_at
             FROM videoroom.session s
            WHERE s.room_id = o.room_id AND s.ended_at IS NULL) AS open
     WHERE o.id = ANY ($1))"};

pg::Statement note_asked = {R"(
    UPDATE videoroom.outbox
       SET last_error = NULL,
           params = params OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('asked_at', $2)
     WHERE id = $1)"};

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

// The row stays due: what was read says whether it still is.
void asked(Recording &recording)
{
    const Call &call = recording.call();
    if (record_participants(recording))
        recording.spi().execute(note_asked, {pg::bigint(call.outbox_id), pg::timestamp(call.sent_at)});
}

const Kind ask_who_is_there = {.action = core::Action::list,
                               .readable = is_participant_list,
                               .done = asked,
                               .missing = [](Recording &recording) {
                                   recording.follow(confirm, core::fetch_room(recording.call().room_sid));
                               }};

Decision decide(const Row &row, const pg::Record &facts, const Circumstances &circumstances)
{
    const bool on_purpose = facts.boolean("on_purpose").value();
    const TimestampTz completes_at = facts.timestamp("completes_at").value();
    const TimestampTz due = std::min(completes_at, facts.timestamp("deserted_until").value_or(DT_NOEND));
    std::optional<TimestampTz> open_since = facts.timestamp("open_since");
    if (!on_purpose && due > circumstances.now)
        return Decision::postpone(due);
    // Twilio: no room outlives 24 hours, unless it shows us one that does.
    TimestampTz oldest = circumstances.now - USECS_PER_DAY;
    if (row.open_sid && open_since && *open_since <= oldest &&
        facts.timestamp("alive_at").value_or(DT_NOBEGIN) <= *open_since + USECS_PER_DAY)
        return Decision::bury();
    if (!row.open_sid && !row.create_sent)
        return Decision::drop();
    const TimestampTz asked_at = facts.timestamp("asked_at").value_or(DT_NOBEGIN);
    const bool early = !on_purpose && completes_at > circumstances.now;
    if (early && row.open_sid && asked_at < std::max(due, circumstances.now - USECS_PER_MINUTE)) {
        Call call = call_for(row, ask_who_is_there, core::list_participants(*row.open_sid, "connected"),
                             circumstances.now);
        call.room_sid = *row.open_sid;
        return Decision::send(std::move(call));
    }
    Call call =
        call_for(row, complete, core::complete_room(row.open_sid.value_or(row.room_id)), circumstances.now);
    call.room_sid = row.open_sid.value_or("");
    return Decision::send(std::move(call));
}

}  // namespace

extern const Action complete_room;
const Action complete_room = {.name = "complete-room", .facts = select_facts, .decide = decide};

}  // namespace videoroom::worker
