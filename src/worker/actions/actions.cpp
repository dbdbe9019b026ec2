#include "worker/actions/action.hpp"

namespace videoroom::worker {

extern const Action create_room, complete_room, remove_participant, anonymize_participant;

namespace {

constexpr const Action *table[] = {&create_room, &complete_room, &remove_participant, &anonymize_participant};

}  // namespace

std::span<const Action *const> actions() noexcept
{
    return table;
}

Call call_for(const Row &row, const Kind &kind, core::Request request, TimestampTz now)
{
    Call call;
    call.kind = &kind;
    call.work = row.work;
    call.request = std::move(request);
    call.room_id = row.room_id;
    call.outbox_id = row.id;
    call.attempts = row.attempts + 1;
    call.sent_before = row.sent_at;
    call.sent_at = now;
    return call;
}

}  // namespace videoroom::worker
