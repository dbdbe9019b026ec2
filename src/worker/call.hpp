// What one call to Twilio is for, and what came of it.
#pragma once

#include <optional>
#include <string>

#include "core/retry.hpp"
#include "core/video_api.hpp"
#include "http/client.hpp"
#include "pg/postgres.hpp"
#include "worker/work.hpp"

namespace videoroom::worker {

class Recording;
struct Call;

// What a call asks for, and what its answers mean.
struct Kind {
    using Handler = void(Recording &);

    core::Action action;  // what the retry policy calls it

    // Is a success's body what the API describes, and about what was asked? Fills in the session if it is
    // one.
    bool (*readable)(const Call &, const std::string &body, std::optional<core::Room> &room);

    Handler *done;  // a readable success
    // Refusals that mean more to it than they say: see Recording::take().
    Handler *room_exists = nullptr;
    Handler *already_so = nullptr;
    Handler *missing = nullptr;
    Handler *permanent = nullptr;
    // Twilio has said that the room is there, whoever made it: however the call ends, one was sent.
    bool known_to_exist = false;
    bool shows_room_limit = false;  // done, it leaves the account room for another room, or has just found it
};

struct Call {
    const Kind *kind = nullptr;
    Work work = Work::background;
    core::Request request;
    std::string room_id;   // empty: about no single room
    std::string room_sid;  // the session it is about, if it is known
    int64 outbox_id = 0;   // 0: no row of the outbox stands behind it
    int attempts = 0;      // of the row, this one included
    int pages = 1;         // of a list, this one included
    // When the row was last sent before this, not known to have done nothing.
    std::optional<TimestampTz> sent_before;
    TimestampTz sent_at = 0;
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

// Is it a session in its own words: the one of the room that was asked for by name (Twilio's description lets
// the name be null), the one asked for by SID?
bool is_room_by_name(const Call &call, const std::string &body, std::optional<core::Room> &room);
bool is_room_by_sid(const Call &call, const std::string &body, std::optional<core::Room> &room);
// A participant of the session.
bool is_participant(const Call &call, const std::string &body, std::optional<core::Room> &room);

// The end of the resolve window: what was sent before it began can then no longer take effect at Twilio, nor
// be hidden from a fetch by name. It begins when the worker last had to do with the call, so not before the
// worker itself began.
TimestampTz resolve_window_end(TimestampTz sent_at);

// Judges an answer: fills in room, error, verdict and may_have_arrived. A success whose body is not what the
// API describes is no success.
Answered judge(Call call, http::Answer answer);

// The row's last_error: at, kind, status, code, message, more_info, request_id.
std::string describe(const Answered &answered);

}  // namespace videoroom::worker
