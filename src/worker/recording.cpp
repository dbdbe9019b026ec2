#include "worker/recording.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "worker/reconciler.hpp"

namespace videoroom::worker {
namespace {

pg::Statement settle = {"SELECT videoroom.settle_room($1)"};

// Twilio: every date may be null. An end without one is dated by when it was asked about, $6 and $7, unless
// one is known.
pg::Statement record_session = {R"(
    SELECT videoroom.record_session($1, $2, NULL, $3, NULL, coalesce($4, (
        SELECT $6 WHERE NOT EXISTS (
            SELECT FROM videoroom.session WHERE room_sid = $2 AND ended_at IS NOT NULL))), $5))"};
pg::Statement record_connection = {R"(
    SELECT videoroom.record_connection($1, $2, $3, NULL, $4, NULL, coalesce($5, (
        SELECT $7 WHERE NOT EXISTS (
            SELECT FROM videoroom.connection WHERE participant_sid = $1 AND disconnected_at IS NOT NULL))),
        $6::pg_catalog.int4))"};
pg::Statement note_event = {R"(
    INSERT INTO videoroom.event (room_id, kind, detail)
    VALUES ($1, $2, pg_catalog.jsonb_build_object('room_sid', $3)))"};
pg::Statement note_death = {R"(
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT room_id, 'call-failed', pg_catalog.jsonb_build_object('action', action, 'error', last_error)
      FROM videoroom.outbox WHERE id = $1)"};
pg::Statement mark_read = {"UPDATE videoroom.session SET read_at = $2 WHERE room_sid = $1"};
pg::Statement other_open_sessions = {R"(
    SELECT room_sid FROM videoroom.session WHERE room_id = $1 AND room_sid <> $2 AND ended_at IS NULL)"};
pg::Statement finish_row = {"DELETE FROM videoroom.outbox WHERE id = $1"};
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

std::optional<TimestampTz> to_server(std::optional<core::Time> time)
{
    return time ? std::optional(pg::to_server(*time)) : std::nullopt;
}

// Twilio: end_time may be absent from an answer that says completed; what else it holds dates the end then.
std::optional<TimestampTz> end_of(const core::Room &room)
{
    if (room.end_time)
        return to_server(room.end_time);
    if (room.date_created && room.duration)
        return pg::to_server(*room.date_created + *room.duration * core::second);
    return to_server(room.date_updated ? room.date_updated : room.date_created);
}

// Records one answer; lives for its savepoint.
class Recording {
public:
    Recording(pg::Spi &spi, const Answered &answered, bool closed, TimestampTz resume_at)
        : spi_(spi), answered_(answered), call_(answered.call), closed_(closed), resume_at_(resume_at)
    {
    }

    Effect run()
    {
        if (answered_.verdict == core::Verdict::done)
            succeeded();
        else
            failed();
        spi_.execute(settle, {pg::text(call_.room_id)});
        return std::move(effect_);
    }

private:
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
            effect_.follow_ups.push_back(read_session(call_.room_id, call_.room_sid));
            back_off();
        } else {
            finish();
        }
    }

    void participant_removed()
    {
        core::Participant participant = *core::parse_participant(answered_.answer.body);
        connection(participant);
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
            effect_.follow_ups.push_back(read_session(call_.room_id, call_.room_sid));
        TimestampTz settled = resolve_window_end(*call_.sent_before);
        if (call_.sent_at < settled)
            postpone(std::min(settled, GetCurrentTimestamp() + USECS_PER_SEC));
        else
            give_up();
    }

    // Nothing was born of all that was sent.
    void give_up()
    {
        effect_.unmade = !call_.dies;
        if (call_.dies) {
            spi_.execute(bury_unmade, {pg::bigint(call_.outbox_id), pg::timestamp(GetCurrentTimestamp())});
            note_dead();
        } else {
            finish();
        }
    }

    void session_made()
    {
        const core::Room &room = *answered_.room;
        if (session(room))
            spi_.execute(note_event,
                         {pg::text(call_.room_id),
                          pg::text(call_.purpose == Purpose::create ? "session-started" : "session-found"),
                          pg::text(room.sid)});
        finish_create();

        // A name is unique among rooms in progress: whatever else we hold open under it is over.
        pg::Rows others = spi_.execute(other_open_sessions, {pg::text(call_.room_id), pg::text(room.sid)});
        for (uint64 i = 0; i < others.count(); i++)
            effect_.follow_ups.push_back(read_session(call_.room_id, others.text(i, 1).value()));
    }

    void session_completed()
    {
        const core::Room &room = *answered_.room;
        session(room);
        if (room.status == "in-progress")
            back_off();
        else
            finish();
    }

    void session_read()
    {
        const core::Room &room = *answered_.room;
        session(room);
        spi_.execute(mark_read, {pg::text(room.sid), pg::timestamp(call_.sent_at)});
        if (room.status == "in-progress")
            effect_.follow_ups.push_back(read_participants(call_.room_id, room.sid, Purpose::read_connected));
        effect_.follow_ups.push_back(read_participants(call_.room_id, room.sid, Purpose::read_disconnected));
    }

    void participants_read()
    {
        core::ParticipantPage page = *core::parse_participants(answered_.answer.body);
        for (const core::Participant &participant : page.participants)
            connection(participant);
        if (auto more = next_page(call_, page.next_page_url))
            effect_.follow_ups.push_back(std::move(*more));
        else
            finish();
    }

    // True if anything about it is new.
    bool session(const core::Room &room)
    {
        bool over = room.status != "in-progress";
        std::optional<TimestampTz> asked = call_.sent_at;
        return spi_
            .execute(
                record_session,
                {pg::text(call_.room_id), pg::text(room.sid), pg::timestamp(to_server(room.date_created)),
                 pg::timestamp(over ? end_of(room) : std::nullopt),
                 pg::timestamp(over ? std::nullopt : asked), pg::timestamp(over ? asked : std::nullopt)})
            .boolean(0, 1)
            .value();
    }

    void connection(const core::Participant &participant)
    {
        bool over = participant.status == "disconnected";
        auto duration =
            participant.duration ? pg::bigint(*participant.duration) : pg::Value{INT8OID, 0, true};
        auto start = participant.start_time ? participant.start_time : participant.date_created;
        auto end = participant.end_time ? participant.end_time : participant.date_updated;
        spi_.execute(record_connection,
                     {pg::text(participant.sid), pg::text(call_.room_sid), pg::text(participant.identity),
                      pg::timestamp(to_server(start)), pg::timestamp(over ? to_server(end) : std::nullopt),
                      over ? duration : pg::Value{INT8OID, 0, true},
                      pg::timestamp(over ? std::optional(call_.sent_at) : std::nullopt)});
    }

    void follow(Purpose purpose, core::Request request)
    {
        Call call = call_;
        call.purpose = purpose;
        call.request = std::move(request);
        effect_.follow_ups.push_back(std::move(call));
    }

    void finish()
    {
        if (call_.outbox_id)
            spi_.execute(finish_row, {pg::bigint(call_.outbox_id)});
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
        effect_.died = true;
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

    pg::Spi &spi_;
    const Answered &answered_;
    const Call &call_;
    bool closed_;
    TimestampTz resume_at_;
    Effect effect_;
};

}  // namespace

Effect record_answer(pg::Spi &spi, const Answered &answered, bool closed, TimestampTz resume_at)
{
    return Recording(spi, answered, closed, resume_at).run();
}

}  // namespace videoroom::worker
