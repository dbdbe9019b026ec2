// create-room: makes a session for a room. A create that may have arrived is never done with before it is
// known whether a session was born of it.
#include <algorithm>

#include "core/options.hpp"
#include "worker/actions/action.hpp"
#include "worker/actions/reads.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

pg::Statement select_facts = {R"(
    SELECT o.id, r.options::pg_catalog.text AS options,
           (r.closed_at IS NOT NULL OR r.closes_at <= $2) AND r.cancelled_at IS NULL AND r.ended_at IS NULL
               AND NOT EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = o.room_id OFFSET 0) AS missed,
           coalesce(o.last_error OPERATOR(pg_catalog.->>) 'kind' = 'permanent', false) AS refused
      FROM videoroom.outbox o
      JOIN videoroom.room r ON r.room_id = o.room_id
     WHERE o.id = ANY ($1))"};
pg::Statement leave_row = {R"(
    UPDATE videoroom.outbox SET run_at = $3, sent_at = $2, last_error = NULL WHERE id = $1)"};
// Keeps the refusal that it would have died of, or says that it came too late.
pg::Statement bury_unmade = {R"(
    UPDATE videoroom.outbox
       SET dead_at = $2, sent_at = NULL,
           last_error = CASE WHEN last_error OPERATOR(pg_catalog.->>) 'kind' = 'permanent' THEN last_error
                             ELSE coalesce(last_error, '{}') OPERATOR(pg_catalog.||)
                                  pg_catalog.jsonb_build_object('kind', 'deadline', 'at', $2) END
     WHERE id = $1)"};

// One answer resolves one send: what an earlier try sent may still arrive, and then find the name free.
void resolved(Recording &recording)
{
    const Call &call = recording.call();
    const core::Room &room = *recording.answered().room;
    recording.effects().made.emplace_back(call.room_id, room.sid);
    if (call.sent_before && call.sent_at < resolve_window_end(*call.sent_before))
        recording.spi().execute(leave_row, {pg::bigint(call.outbox_id), pg::timestamp(*call.sent_before),
                                            pg::timestamp(resolve_window_end(*call.sent_before))});
    else
        recording.finish();
}

void made(Recording &recording)
{
    const Call &call = recording.call();
    recording.facts().made(call.room_id, *recording.answered().room, call.sent_at);
    resolved(recording);
}

void found(Recording &recording)
{
    const Call &call = recording.call();
    recording.facts().session(call.room_id, *recording.answered().room, call.sent_at, "session-found");
    resolved(recording);
}

void refused(Recording &recording)
{
    const Call &call = recording.call();
    if (call.sent_before)  // an earlier try may have made a session: no death before that is known
        recording.postpone(std::max(resolve_window_end(*call.sent_before), GetCurrentTimestamp()));
    else if (recording.closed())
        recording.finish();  // nobody misses it
    else
        recording.bury();
}

// Is it too early to say that nothing was born of all that was sent? Then the row waits.
bool too_early(Recording &recording, bool keep_last_error)
{
    const Call &call = recording.call();
    if (!call.room_sid.empty())
        recording.ask(read_session(call.room_id, call.room_sid));
    TimestampTz settled = resolve_window_end(*call.sent_before);
    if (call.sent_at >= settled)
        return false;
    recording.postpone(std::min(settled, GetCurrentTimestamp() + USECS_PER_SEC), keep_last_error);
    return true;
}

void never_born(Recording &recording)
{
    if (too_early(recording, false))
        return;
    recording.effects().unmade.push_back(recording.call().room_id);
    recording.finish();
}

void never_born_and_missed(Recording &recording)
{
    if (too_early(recording, true))
        return;
    recording.spi().execute(bury_unmade,
                            {pg::bigint(recording.call().outbox_id), pg::timestamp(GetCurrentTimestamp())});
    recording.note_dead();
}

// 53113, the name is taken: fetch the session that has it. If it has ended since, another is made.
const Kind adopt = {
    .action = core::Action::fetch_room, .readable = is_room_by_name, .done = found, .known_to_exist = true};

const Kind create = {
    .action = core::Action::create_room,
    .readable = is_room_by_name,
    .done = made,
    .room_exists =
        [](Recording &recording) { recording.follow(adopt, core::fetch_room(recording.call().room_id)); },
    .permanent = refused,
    .shows_room_limit = true};

// The room closed, or Twilio refused, while a create was unanswered: was a session born? If not, the row is
// done with, or is given up where somebody misses the room.
const Kind resolve = {
    .action = core::Action::fetch_room, .readable = is_room_by_name, .done = found, .missing = never_born};
const Kind resolve_missed = {.action = core::Action::fetch_room,
                             .readable = is_room_by_name,
                             .done = found,
                             .missing = never_born_and_missed};

Decision decide(const Row &row, const pg::Record &facts, const Circumstances &circumstances)
{
    bool missed = facts.boolean("missed").value();  // over, and never made
    bool is_refused = facts.boolean("refused").value();
    if (row.sent_at && (row.closed || row.open_sid || is_refused)) {
        bool dies = missed || (is_refused && !row.closed);
        Call call =
            call_for(row, dies ? resolve_missed : resolve, core::fetch_room(row.room_id), circumstances.now);
        call.room_sid = row.open_sid.value_or("");
        return Decision::send(std::move(call));
    }
    if (row.closed)
        return missed ? Decision::bury() : Decision::drop();
    auto options = core::parse_options(facts.text("options").value());
    return Decision::send(call_for(
        row, create, core::create_room(row.room_id, options, circumstances.callback_url), circumstances.now));
}

}  // namespace

extern const Action create_room;
const Action create_room = {.name = "create-room", .facts = select_facts, .decide = decide};

}  // namespace videoroom::worker
