#include "pg/mailbox.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace videoroom::pg {
namespace {

// This session's entry and its database, for an exit that runs no destructor.
shared::Waiting *current = nullptr;
shared::Database *current_database = nullptr;

std::string_view room_of(const shared::Waiting &entry)
{
    return {entry.room_id, strnlen(entry.room_id, sizeof entry.room_id)};
}

void leave() noexcept
{
    if (!current)
        return;
    shared::Locked locked(shared::state());
    if (--current->waiters == 0)
        current->room_id[0] = '\0';
    current_database->waiters--;
    current = nullptr;
}

void leave_at_exit(int, Datum)
{
    leave();
}

Admission judge(const shared::Database *database)
{
    if (!database || !database->worker)
        return Admission::no_worker;
    return database->pause == shared::Pause::none ? Admission::waiting : Admission::paused;
}

// However many wait for one room, they leave room for others.
int most_for_a_room()
{
    return std::max(1, settings::max_waiting / 2);
}

// The room's entry, or else a free one; nullptr when all are taken.
shared::Waiting *find_entry(shared::Database *database, std::string_view room_id)
{
    if (database->waiters >= settings::max_waiting)
        return nullptr;
    shared::Waiting *unused = nullptr;
    for (shared::Waiting &entry : database->mailbox) {
        if (entry.waiters == 0)
            unused = unused ? unused : &entry;
        else if (room_of(entry) == room_id)
            return entry.waiters < most_for_a_room() ? &entry : nullptr;
    }
    return unused;
}

void make_own(shared::Waiting *entry, std::string_view room_id)
{
    std::fill(std::begin(entry->room_id), std::end(entry->room_id), '\0');
    std::copy_n(room_id.data(), std::min(room_id.size(), sizeof entry->room_id - 1), entry->room_id);
}

constexpr TimeoutId time_limits[] = {STATEMENT_TIMEOUT,
#if PG_VERSION_NUM >= 170000
                                     TRANSACTION_TIMEOUT
#endif
};

}  // namespace

TimestampTz cancelled_at() noexcept
{
    TimestampTz moment = DT_NOEND;
    for (TimeoutId id : time_limits)
        if (get_timeout_active(id))
            moment = Min(moment, get_timeout_finish_time(id));
    return moment;
}

Admission would_admit(std::string_view room_id)
{
    if (!shared::state())
        return Admission::no_worker;
    shared::Locked locked(shared::state());
    shared::Database *database = shared::find_database(shared::state(), MyDatabaseId);
    Admission admission = judge(database);
    if (admission == Admission::waiting && !find_entry(database, room_id))
        return Admission::busy;
    return admission;
}

Wait::Wait(std::string_view room_id)
{
    static bool exit_hooked = false;
    if (!shared::state()) {
        refused_ = Admission::no_worker;
        return;
    }
    if (!exit_hooked) {
        call([] { before_shmem_exit(leave_at_exit, 0); });
        exit_hooked = true;
    }

    {
        shared::Locked locked(shared::state());
        shared::Database *database = shared::find_database(shared::state(), MyDatabaseId);
        refused_ = judge(database);
        if (refused_ != Admission::waiting)
            return;
        entry_ = find_entry(database, room_id);
        if (!entry_) {
            refused_ = Admission::busy;
            return;
        }
        if (entry_->waiters == 0)
            make_own(entry_, room_id);
        entry_->waiters++;
        entry_->asked = true;
        database->waiters++;
        database->due = true;
        current = entry_;
        current_database = database;
        SetLatch(database->latch);
    }
    ConditionVariablePrepareToSleep(&entry_->changed);
}

Wait::~Wait()
{
    if (!entry_)
        return;
    ConditionVariableCancelSleep();
    leave();
}

Admission Wait::admission() const
{
    if (refused_ != Admission::waiting)
        return refused_;
    shared::Locked locked(shared::state());
    return judge(shared::find_database(shared::state(), MyDatabaseId));
}

bool Wait::sleep(TimestampTz deadline)
{
    long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
    if (left <= 0)
        return false;
    return !call([&] { return ConditionVariableTimedSleep(&entry_->changed, left, PG_WAIT_EXTENSION); });
}

std::vector<std::string> take_asked(shared::Database *database)
{
    std::vector<std::string> rooms;
    rooms.reserve(shared::mailbox_size);
    char asked[shared::mailbox_size][sizeof(shared::Waiting::room_id)];
    int count = 0;
    {
        shared::Locked locked(shared::state());
        for (shared::Waiting &entry : database->mailbox) {
            if (entry.waiters > 0 && entry.asked)
                memcpy(asked[count++], entry.room_id, sizeof entry.room_id);
            entry.asked = false;
        }
    }
    for (int i = 0; i < count; i++)
        rooms.emplace_back(asked[i]);
    return rooms;
}

void ask_again(shared::Database *database, std::string_view room_id)
{
    shared::Locked locked(shared::state());
    for (shared::Waiting &entry : database->mailbox)
        if (entry.waiters > 0 && room_of(entry) == room_id)
            entry.asked = true;
}

void answer_waiting(shared::Database *database, std::string_view room_id)
{
    shared::Waiting *found = nullptr;
    {
        shared::Locked locked(shared::state());
        for (shared::Waiting &entry : database->mailbox)
            if (entry.waiters > 0 && room_of(entry) == room_id)
                found = &entry;
    }
    if (found)
        ConditionVariableBroadcast(&found->changed);
}

void answer_everybody(shared::Database *database)
{
    for (shared::Waiting &entry : database->mailbox)
        ConditionVariableBroadcast(&entry.changed);
}

}  // namespace videoroom::pg
