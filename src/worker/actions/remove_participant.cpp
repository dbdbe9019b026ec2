// remove-participant: puts somebody out who was removed. The target is a PA sid, or identity/ and the user_id
// while none is known.
#include "worker/actions/action.hpp"
#include "worker/actions/reads.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

constexpr std::string_view by_identity = "identity/";

// room_sid: the session to put them out of, if they are removed still and not known to have left.
pg::Statement select_facts = {R"(
    SELECT o.id,
           CASE WHEN o.target NOT LIKE 'identity/%'
                THEN (SELECT c.room_sid FROM videoroom.connection c
                        JOIN videoroom.session s ON s.room_sid = c.room_sid AND s.ended_at IS NULL
                       WHERE c.participant_sid = o.target AND c.disconnected_at IS NULL
                         AND EXISTS (SELECT FROM videoroom.participant p
                                      WHERE p.room_id = o.room_id AND p.user_id = c.user_id
                                        AND p.removed_at IS NOT NULL OFFSET 0))
                WHEN EXISTS (SELECT FROM videoroom.participant p
                              WHERE p.room_id = o.room_id AND 'identity/' || p.user_id = o.target
                                AND p.removed_at IS NOT NULL OFFSET 0)
                THEN (SELECT s.room_sid FROM videoroom.session s
                       WHERE s.room_id = o.room_id AND s.ended_at IS NULL
                       ORDER BY s.started_at DESC NULLS LAST, s.room_sid LIMIT 1) END AS room_sid
      FROM videoroom.outbox o
     WHERE o.id = ANY ($1))"};

void removed(Recording &recording)
{
    const Call &call = recording.call();
    auto participant = *core::parse_participant(recording.answered().answer.body);
    recording.facts().connection(call.room_sid, participant, call.sent_at);
    if (participant.status == "disconnected")
        recording.finish();
    else
        recording.back_off();
}

// Somebody whom we know to be there: the row stays until the facts say that they have left.
const Kind remove_known = {.action = core::Action::remove_participant,
                           .readable = is_participant,
                           .done = removed,
                           .already_so = [](Recording &recording) {
                               const Call &call = recording.call();
                               recording.ask(read_session(call.room_id, call.room_sid));
                               recording.back_off();
                           }};
const Kind remove_by_identity = {
    .action = core::Action::remove_participant, .readable = is_participant, .done = removed};

Decision decide(const Row &row, const pg::Record &facts, const Circumstances &circumstances)
{
    std::optional<std::string> room_sid = facts.text("room_sid");
    if (!room_sid)
        return Decision::drop();
    std::string_view who = row.target;
    bool known = !who.starts_with(by_identity);
    if (!known)
        who.remove_prefix(by_identity.size());
    // Where no path can name them, whoever is there is recorded, and settling puts them out by PA sid.
    Call call = core::fits_path(who)
                    ? call_for(row, known ? remove_known : remove_by_identity,
                               core::remove_participant(*room_sid, who), circumstances.now)
                    : call_for(row, read_connected, core::list_participants(*room_sid, "connected"),
                               circumstances.now);
    call.room_sid = *room_sid;
    return Decision::send(std::move(call));
}

}  // namespace

extern const Action remove_participant;
const Action remove_participant = {.name = "remove-participant", .facts = select_facts, .decide = decide};

}  // namespace videoroom::worker
