#include "worker/answer_batch.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "worker/reconciler.hpp"

namespace videoroom::worker {
namespace {

pg::Statement note_death = {R"(
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT room_id, 'call-failed', pg_catalog.jsonb_build_object('action', action, 'error', last_error)
      FROM videoroom.outbox WHERE id = $1)"};
pg::Statement other_open_sessions = {R"(
    SELECT room_id, room_sid FROM videoroom.session
     WHERE room_id = ANY ($1) AND room_sid <> ALL ($2) AND ended_at IS NULL)"};
pg::Statement leave_row = {R"(
    UPDATE videoroom.outbox SET run_at = $3, sent_at = $2, last_error = NULL WHERE id = $1)"};
pg::Statement postpone_row = {R"(
    UPDATE videoroom.outbox
       SET run_at = $2, sent_at = $3,
           last_error = CASE WHEN $5 THEN last_error ELSE $4::pg_catalog.jsonb END
     WHERE id = $1)"};
// Keeps the refusal that it would have died of, or says that it came too late.
pg::Statement bury_unmade = {R"(
    UPDATE videoroom.outbox
       SET dead_at = $2, sent_at = NULL,
           last_error = CASE WHEN last_error OPERATOR(pg_catalog.->>) 'kind' = 'permanent' THEN last_error
                             ELSE coalesce(last_error, '{}') OPERATOR(pg_catalog.||)
                                  pg_catalog.jsonb_build_object('kind', 'deadline', 'at', $2) END
     WHERE id = $1)"};
pg::Statement bury_row = {R"(
    UPDATE videoroom.outbox SET dead_at = $2, sent_at = $3, last_error = $4::pg_catalog.jsonb WHERE id = $1)"};

// What one answer means.
struct AnswerHandler {
    pg::Spi &spi_;
    const Answered &answered_;
    const Call &call_;
    bool closed_;
    TimestampTz resume_at_;
    Facts &facts_;
    Effects &effects_;

    void take()
    {
        if (answered_.verdict == core::Verdict::done)
            succeeded();
        else
            failed();
        facts_.about(call_.room_id);
    }

    void succeeded()
    {
        switch (call_.purpose) {
            case Purpose::create:
            case Purpose::adopt:
            case Purpose::resolve:
                session_made();
                break;
            case Purpose::complete:
            case Purpose::confirm_complete:
                session_completed();
                break;
            case Purpose::remove:
                participant_removed();
                break;
            case Purpose::anonymize:
                finish();
                break;
            case Purpose::read_session:
                session_read();
                break;
            case Purpose::read_connected:
            case Purpose::read_disconnected:
                participants_read();
                break;
            case Purpose::list_rooms:
                break;  // about no single room: the reconciler's
        }
    }

    void failed()
    {
        switch (answered_.verdict) {
            case core::Verdict::room_exists:
                follow(Purpose::adopt, core::fetch_room(call_.room_id));
                return;
            case core::Verdict::already_so:
                already_so();
                return;
            case core::Verdict::missing:
                missing();
                return;
            case core::Verdict::limited:
                postpone(std::max(resume_at_, GetCurrentTimestamp()));
                return;
            case core::Verdict::permanent:
                bury();
                return;
            default:
                back_off();
        }
    }

    // The row goes when the facts say so too: while they do not, settling would put it back at once.
    void already_so()
    {
        if (call_.purpose == Purpose::complete && !call_.room_sid.empty()) {
            follow(Purpose::confirm_complete, core::fetch_room(call_.room_sid));
        } else if (call_.purpose == Purpose::remove && call_.connection_known) {
            effects_.follow_ups.push_back(read_session(call_.room_id, call_.room_sid));
            back_off();
        } else {
            finish();
        }
    }

    void participant_removed()
    {
        core::Participant participant = *core::parse_participant(answered_.answer.body);
        facts_.connection(call_.room_sid, participant, call_.sent_at);
        if (participant.status == "disconnected")
            finish();
        else
            back_off();
    }

    void missing()
    {
        if (call_.purpose != Purpose::resolve) {
            back_off();  // adopt: it ended between, make another; else Twilio lags behind itself
            return;
        }
        if (!call_.room_sid.empty())
            effects_.follow_ups.push_back(read_session(call_.room_id, call_.room_sid));
        TimestampTz settled = resolve_window_end(*call_.sent_before);
        if (call_.sent_at < settled)
            postpone(std::min(settled, GetCurrentTimestamp() + USECS_PER_SEC));
        else
            give_up();
    }

    // Nothing was born of all that was sent.
    void give_up()
    {
        if (call_.dies) {
            spi_.execute(bury_unmade, {pg::bigint(call_.outbox_id), pg::timestamp(GetCurrentTimestamp())});
            note_dead();
        } else {
            effects_.unmade.push_back(call_.room_id);
            finish();
        }
    }

    void session_made()
    {
        const core::Room &room = *answered_.room;
        if (call_.purpose == Purpose::create)
            facts_.made(call_.room_id, room, call_.sent_at);
        else
            facts_.session(call_.room_id, room, call_.sent_at, "session-found");
        effects_.made.emplace_back(call_.room_id, room.sid);
        finish_create();
    }

    void session_completed()
    {
        const core::Room &room = *answered_.room;
        facts_.session(call_.room_id, room, call_.sent_at);
        if (room.status == "in-progress")
            back_off();
        else
            finish();
    }

    void session_read()
    {
        const core::Room &room = *answered_.room;
        facts_.session(call_.room_id, room, call_.sent_at);
        facts_.read(room.sid, call_.sent_at);
        if (room.status == "in-progress")
            effects_.follow_ups.push_back(
                read_participants(call_.room_id, room.sid, Purpose::read_connected));
        effects_.follow_ups.push_back(read_participants(call_.room_id, room.sid, Purpose::read_disconnected));
    }

    void participants_read()
    {
        auto page = *core::parse_participants(answered_.answer.body);
        for (const core::Participant &participant : page.elements)
            facts_.connection(call_.room_sid, participant, call_.sent_at);
        if (auto more = next_page(call_, page.next_page_url))
            effects_.follow_ups.push_back(std::move(*more));
        else
            finish();
    }

    void follow(Purpose purpose, core::Request request)
    {
        Call call = call_;
        call.purpose = purpose;
        call.request = std::move(request);
        effects_.follow_ups.push_back(std::move(call));
    }

    void finish()
    {
        if (call_.outbox_id)
            facts_.done(call_.outbox_id);
    }

    // One answer resolves one send: what an earlier try sent may still arrive, and then find the name free.
    void finish_create()
    {
        if (call_.sent_before && call_.sent_at < resolve_window_end(*call_.sent_before))
            spi_.execute(leave_row, {pg::bigint(call_.outbox_id), pg::timestamp(*call_.sent_before),
                                     pg::timestamp(resolve_window_end(*call_.sent_before))});
        else
            finish();
    }

    void back_off()
    {
        postpone(GetCurrentTimestamp() +
                 core::backoff(call_.attempts, pg::settings::retry_cap * core::second, pg::random01()));
    }

    void postpone(TimestampTz run_at)
    {
        if (call_.outbox_id)
            spi_.execute(postpone_row,
                         {pg::bigint(call_.outbox_id), pg::timestamp(run_at), pg::timestamp(sent_at()),
                          pg::text(describe(answered_)), pg::boolean(call_.dies)});
    }

    void bury()
    {
        if (!call_.outbox_id)
            return;
        if (call_.purpose == Purpose::create && call_.sent_before) {
            postpone(std::max(resolve_window_end(*call_.sent_before), GetCurrentTimestamp()));
            return;  // an earlier try may have made a session: no death before that is known
        }
        if (call_.purpose == Purpose::create && closed_) {
            finish();  // nobody misses it
            return;
        }
        spi_.execute(bury_row, {pg::bigint(call_.outbox_id), pg::timestamp(GetCurrentTimestamp()),
                                pg::timestamp(sent_at()), pg::text(describe(answered_))});
        note_dead();
    }

    void note_dead()
    {
        spi_.execute(note_death, {pg::bigint(call_.outbox_id)});
        effects_.dead++;
    }

    // When the row was last sent and may have done something.
    std::optional<TimestampTz> sent_at() const
    {
        if (call_.purpose == Purpose::adopt)
            return GetCurrentTimestamp();  // Twilio has a room of this name, whoever made it
        bool writes = call_.purpose == Purpose::create || call_.purpose == Purpose::complete ||
                      call_.purpose == Purpose::remove || call_.purpose == Purpose::anonymize;
        return writes && answered_.may_have_arrived ? std::optional(GetCurrentTimestamp())
                                                    : call_.sent_before;
    }
};

}  // namespace

AnswerBatch::AnswerBatch(pg::Spi &spi, TimestampTz resume_at) : spi_(spi), resume_at_(resume_at) {}

void AnswerBatch::add(const Answered &answered, bool closed)
{
    AnswerHandler{spi_, answered, answered.call, closed, resume_at_, facts_, effects_}.take();
}

// A name is unique among rooms in progress: whatever else we hold open under it is over.
void AnswerBatch::ask_about_others()
{
    std::vector<std::string> rooms, sids;
    for (const auto &[room_id, room_sid] : effects_.made) {
        rooms.push_back(room_id);
        sids.push_back(room_sid);
    }
    pg::Rows others = spi_.execute(other_open_sessions, {pg::text_array(rooms), pg::text_array(sids)});
    for (uint64 i = 0; i < others.count(); i++)
        effects_.follow_ups.push_back(read_session(others.text(i, 1).value(), others.text(i, 2).value()));
}

Effects AnswerBatch::write()
{
    facts_.write(spi_);
    if (!effects_.made.empty())
        ask_about_others();
    return std::move(effects_);
}

}  // namespace videoroom::worker
