// What one call to Twilio is for, and what came of it.
#pragma once

#include <optional>
#include <string>

#include "core/retry.hpp"
#include "core/video_api.hpp"
#include "http/client.hpp"
#include "pg/postgres.hpp"

namespace videoroom::worker {

enum class Purpose {
    create,             // make the room's session
    adopt,              // 53113: the name is taken; fetch the session that has it
    resolve,            // the room closed while a create was unanswered: was a session born?
    complete,           // end the session
    confirm_complete,   // Twilio says there was nothing to end: look whether it has ended
    remove,             // put a participant out
    anonymize,          // make Twilio forget who a participant was
    list_rooms,         // the sweep
    read_session,       // the reconciler: one session,
    read_connected,     // who is there,
    read_disconnected,  // and who was
};

struct Call {
    Purpose purpose;
    core::Request request;
    std::string room_id;   // empty for list_rooms
    std::string room_sid;  // the session it is about, if it is known
    int64 outbox_id = 0;   // 0: no row of the outbox stands behind it
    int attempts = 0;      // of the row, this one included
    int pages = 1;         // of a list, this one included
    // When the row was last sent before this, not known to have done nothing.
    std::optional<TimestampTz> sent_before;
    TimestampTz sent_at = 0;
    bool connection_known = false;  // remove: by PA sid
    bool dies = false;              // resolve: the row is given up, not done with, if no session was born
};

// A call with its answer, until the answer is recorded.
struct Answered {
    Call call;
    http::Answer answer;
    std::optional<core::Room> room;  // what a success says of a session, if it is about one
    core::ApiError error;
    core::Verdict verdict = core::Verdict::done;
    bool may_have_arrived = false;
    TimestampTz not_before = 0;  // try to record it again then
    int waits = 0;               // how often it was put off
    bool logged = false;         // that it could not be recorded
    bool recorded = false;       // done with, once the transaction commits
};

// The end of the resolve window: what was sent before it began can then no longer take effect at Twilio, nor
// be hidden from a fetch by name. It begins when the worker last had to do with the call, so not before the
// worker itself began.
TimestampTz resolve_window_end(TimestampTz sent_at);

// What the retry policy calls it.
core::Action action_of(Purpose purpose);

// Judges an answer: fills in room, error, verdict and may_have_arrived. A success whose body is not what the
// API describes is no success.
Answered judge(Call call, http::Answer answer);

// The row's last_error: at, kind, status, code, message, more_info, request_id.
std::string describe(const Answered &answered);

}  // namespace videoroom::worker
