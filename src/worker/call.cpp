#include "worker/call.hpp"

#include <utility>

#include "core/json.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "pg/settings.hpp"

namespace videoroom::worker {
namespace {

constexpr std::size_t most_text = 500;

// In the order of core::Verdict.
constexpr const char *kinds[] = {"unexpected", "unexpected",   "unexpected", "missing",
                                 "later",      "later",        "denied",     "unavailable",
                                 "limited",    "unauthorized", "permanent"};

bool is_of_room(const Call &call, const core::Room &room)
{
    return room.unique_name.empty() || room.unique_name == call.room_id;
}

}  // namespace

bool is_room_by_name(const Call &call, const std::string &body, std::optional<core::Room> &room)
{
    room = core::parse_room(body);
    return room && is_of_room(call, *room);
}

bool is_room_by_sid(const Call &call, const std::string &body, std::optional<core::Room> &room)
{
    room = core::parse_room(body);
    return room && (call.room_sid.empty() ? is_of_room(call, *room) : room->sid == call.room_sid);
}

bool is_participant(const Call &call, const std::string &body, std::optional<core::Room> &)
{
    auto participant = core::parse_participant(body);
    return participant &&
           (call.room_sid.empty() || participant->room_sid.empty() || participant->room_sid == call.room_sid);
}

TimestampTz resolve_window_end(TimestampTz sent_at)
{
    constexpr TimestampTz timeouts = 3 * core::millisecond;
    return Max(sent_at, MyStartTimestamp) + timeouts * pg::settings::request_timeout;
}

Answered judge(Call call, http::Answer answer)
{
    Answered answered;
    core::Outcome outcome;
    outcome.transport = answer.transport;
    outcome.status = answer.status;
    if (answer.transport == core::Transport::answered && answer.status / 100 == 2) {
        if (!call.kind->readable(call, answer.body, answered.room)) {
            outcome.transport = core::Transport::lost;
            answer.error = "the answer is not what Twilio's API describes";
        }
    } else if (answer.transport == core::Transport::answered) {
        answered.error = core::parse_error(answer.status, answer.body);
        outcome.code = answered.error.code;
    }
    answered.verdict = core::judge(call.kind->action, outcome);
    answered.may_have_arrived = core::may_have_arrived(outcome);
    answered.call = std::move(call);
    answered.answer = std::move(answer);
    return answered;
}

std::string describe(const Answered &answered)
{
    core::Json error = core::Json::object();
    error.set("at", core::format_iso8601(pg::to_core(GetCurrentTimestamp())));
    error.set("kind", kinds[static_cast<int>(answered.verdict)]);
    if (answered.answer.status)
        error.set("status", static_cast<int64>(answered.answer.status));
    if (answered.error.code)
        error.set("code", answered.error.code);
    std::string message = answered.error.message.empty() ? answered.answer.error : answered.error.message;
    if (answered.verdict == core::Verdict::done)
        message = "what was to end is still in progress";
    if (!message.empty())
        error.set("message", core::make_valid_utf8(message, most_text));
    if (!answered.error.more_info.empty())
        error.set("more_info", answered.error.more_info);
    if (!answered.answer.request_id.empty())
        error.set("request_id", core::make_valid_utf8(answered.answer.request_id, most_text));
    return error.dump();
}

}  // namespace videoroom::worker
