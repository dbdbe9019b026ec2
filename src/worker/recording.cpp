#include "worker/recording.hpp"

#include <algorithm>

#include "pg/settings.hpp"

namespace videoroom::worker {
namespace {

pg::Statement note_death = {R"(
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT room_id, 'call-failed', pg_catalog.jsonb_build_object('action', action, 'error', last_error)
      FROM videoroom.outbox WHERE id = $1)"};
pg::Statement postpone_row = {R"(
    UPDATE videoroom.outbox
       SET run_at = $2, sent_at = $3,
           last_error = CASE WHEN $5 THEN last_error
                             ELSE $4::pg_catalog.jsonb OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('since',
                                  coalesce(CASE WHEN last_error OPERATOR(pg_catalog.->>) 'code'
                                                     = $4::pg_catalog.jsonb OPERATOR(pg_catalog.->>) 'code'
                                                THEN last_error OPERATOR(pg_catalog.->) 'since' END,
                                           $4::pg_catalog.jsonb OPERATOR(pg_catalog.->) 'at')) END
     WHERE id = $1)"};
pg::Statement bury_row = {R"(
    UPDATE videoroom.outbox SET dead_at = $2, sent_at = $3, last_error = $4::pg_catalog.jsonb WHERE id = $1)"};

}  // namespace

Recording::Recording(pg::Spi &spi, const Answered &answered, bool closed, TimestampTz resume_at, Facts &facts,
                     Effects &effects)
    : spi_(spi), answered_(answered), closed_(closed), resume_at_(resume_at), facts_(facts), effects_(effects)
{
}

void Recording::take()
{
    if (answered_.verdict == core::Verdict::done)
        call().kind->done(*this);
    else
        failed();
    facts_.about(call().room_id);
}

void Recording::failed()
{
    const Kind &kind = *call().kind;
    switch (answered_.verdict) {
        case core::Verdict::room_exists:
            return kind.room_exists ? kind.room_exists(*this) : back_off();
        case core::Verdict::already_so:
            return kind.already_so ? kind.already_so(*this) : finish();
        case core::Verdict::missing:
            return kind.missing ? kind.missing(*this) : back_off();
        case core::Verdict::permanent:
            return kind.permanent ? kind.permanent(*this) : bury();
        case core::Verdict::limited:
            return postpone(std::max(resume_at_, GetCurrentTimestamp()));
        default:
            back_off();
    }
}

void Recording::follow(const Kind &kind, core::Request request)
{
    Call next = call();
    next.kind = &kind;
    next.request = std::move(request);
    ask(std::move(next));
}

void Recording::finish()
{
    if (call().outbox_id)
        facts_.done(call().outbox_id);
}

void Recording::back_off()
{
    postpone(GetCurrentTimestamp() +
             core::backoff(call().attempts, pg::settings::retry_cap * core::second, pg::random01()));
}

void Recording::postpone(TimestampTz run_at, bool keep_last_error)
{
    if (call().outbox_id)
        spi_.execute(postpone_row,
                     {pg::bigint(call().outbox_id), pg::timestamp(run_at), pg::timestamp(sent_at()),
                      pg::text(describe(answered_)), pg::boolean(keep_last_error)});
}

void Recording::bury()
{
    if (!call().outbox_id)
        return;
    spi_.execute(bury_row, {pg::bigint(call().outbox_id), pg::timestamp(GetCurrentTimestamp()),
                            pg::timestamp(sent_at()), pg::text(describe(answered_))});
    note_dead();
}

void Recording::note_dead()
{
    spi_.execute(note_death, {pg::bigint(call().outbox_id)});
    effects_.dead++;
}

// When the row was last sent and may have done something.
std::optional<TimestampTz> Recording::sent_at() const
{
    bool may_have_done = call().kind->known_to_exist || (call().request.write && answered_.may_have_arrived);
    return may_have_done ? std::optional(GetCurrentTimestamp()) : call().sent_before;
}

}  // namespace videoroom::worker
