// anonymize-participant: makes Twilio forget who a participant was. The target is the PA sid.
#include "worker/actions/action.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

pg::Statement select_facts = {R"(
    SELECT o.id, c.room_sid
      FROM videoroom.outbox o
      LEFT JOIN videoroom.connection c ON c.participant_sid = o.target
     WHERE o.id = ANY ($1))"};

const Kind anonymize = {.action = core::Action::anonymize_participant,
                        .readable = is_participant,
                        .done = [](Recording &recording) { recording.finish(); }};

Decision decide(const Row &row, const pg::Record &facts, const Circumstances &circumstances)
{
    std::optional<std::string> room_sid = facts.text("room_sid");
    if (!room_sid)
        return Decision::drop();
    return Decision::send(
        call_for(row, anonymize, core::anonymize_participant(*room_sid, row.target), circumstances.now));
}

}  // namespace

extern const Action anonymize_participant;
const Action anonymize_participant = {
    .name = "anonymize-participant", .facts = select_facts, .decide = decide};

}  // namespace videoroom::worker
