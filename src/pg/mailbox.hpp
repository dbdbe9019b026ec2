// Joins wait here for a room that is being made. A row that a join inserted would be invisible to the
// worker until the join's own transaction ends, so the room's name goes through shared memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/shared_state.hpp"

namespace videoroom::pg {

// Whether waiting is worth it.
enum class Admission {
    waiting,
    no_worker,  // none runs in this database
    paused,     // it makes no calls: outage, quota, credentials, another version
    busy,       // max_waiting sessions wait already, half of them for this room, or the mailbox is full
};

// What a wait for the room would meet now; asks for nothing.
Admission would_admit(std::string_view room_id);

// When the running statement, or its transaction, will be cancelled for having taken too long; DT_NOEND:
// never.
TimestampTz cancelled_at() noexcept;

// One session's wait for one room; leaves the mailbox however its scope, or the process, ends.
class Wait {
public:
    // Asks the worker for the room, unless there is no point in waiting.
    explicit Wait(std::string_view room_id);
    ~Wait();
    Wait(const Wait &) = delete;
    Wait &operator=(const Wait &) = delete;

    // As it is now: what was worth waiting for may have become hopeless.
    Admission admission() const;

    // Sleeps until the worker has answered something for the room; false when `deadline` came first.
    // What happens after the constructor, or after the last sleep(), ends the next sleep() at once.
    // Throws Error when the statement is cancelled.
    bool sleep(TimestampTz deadline);

private:
    shared::Waiting *entry_ = nullptr;
    Admission refused_ = Admission::waiting;
};

// The worker's side. Rooms asked for since the last time, each once.
std::vector<std::string> take_asked(shared::Database *database);

// The room is to be asked for again: its row was locked.
void ask_again(shared::Database *database, std::string_view room_id);

// Wakes those who wait for the room.
void answer_waiting(shared::Database *database, std::string_view room_id);

// Wakes everybody: calls to Twilio are held back, or the worker goes.
void answer_everybody(shared::Database *database);

}  // namespace videoroom::pg
