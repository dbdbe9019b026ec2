// What time does to rooms: unused and empty timeouts, the longest stay of a participant, the longest life of
// a room.
#include <algorithm>

#include "world.hpp"

namespace sim {

namespace {

constexpr Time longest_room = 24 * hour;  // Twilio: then it is destroyed and everybody disconnected

}  // namespace

Time World::participant_due(const Record &record, const Participant &participant) const
{
    Time due = participant.created_at + record.room.max_participant_duration * second;
    if (participant.lost_until)
        due = std::min(due, *participant.lost_until);
    if (participant.token_expires_at && settings_.get()->token_expiry_disconnects)
        due = std::min(due, *participant.token_expires_at);
    return due;
}

Time World::room_due(const Record &record) const
{
    const Room &room = record.room;
    Time due = room.created_at + longest_room;
    if (record.participants.empty())
        due = std::min(due, room.created_at + room.unused_room_timeout * minute);
    else if (record.empty_since)
        due = std::min(due, *record.empty_since + room.empty_room_timeout * minute);
    return due;
}

void World::schedule(Record &record)
{
    if (record.deadline)
        deadlines_.erase({*record.deadline, record.room.ordinal});
    record.deadline.reset();
    if (!record.room.in_progress())
        return;
    Time due = room_due(record);
    for (const Participant &participant : record.participants)
        if (participant.connected())
            due = std::min(due, participant_due(record, participant));
    record.deadline = due;
    bool soonest = deadlines_.empty() || due < deadlines_.begin()->first;
    deadlines_.emplace(due, record.room.ordinal);
    if (soonest)
        timers_changed_.notify_all();
}

void World::settle(Record &record, Time at)
{
    for (Participant &participant : record.participants)
        if (participant.connected() && participant_due(record, participant) <= at)
            end_participant(record, participant, at, participant.lost_until ? "lost" : "too-long");
    if (room_due(record) <= at) {
        bool old = record.room.created_at + longest_room <= at;
        end_room(record, at, "completed",
                 old                           ? "24-hours"
                 : record.participants.empty() ? "unused"
                                               : "empty");
    } else {
        schedule(record);
    }
}

void World::settle_until(Time now)
{
    // one deadline after the other, so that what happened bears the time it was due and not the time we
    // looked
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        auto [at, ordinal] = *deadlines_.begin();
        settle(*records_[ordinal], at);
    }
}

void World::run_timers()
{
    Lock lock(mutex_);
    while (!stopping_) {
        settle_until(clock_.now());
        if (deadlines_.empty()) {
            timers_changed_.wait(lock);
        } else {
            Time wait = std::clamp<Time>(deadlines_.begin()->first - clock_.now(), millisecond, hour);
            timers_changed_.wait_for(lock, std::chrono::microseconds(wait));
        }
    }
}

void World::clock_moved()
{
    Lock lock(mutex_);
    enter();
    timers_changed_.notify_all();
}

}  // namespace sim
