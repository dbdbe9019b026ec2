#include "worker/waiter.hpp"

#include <algorithm>

#include "pg/guard.hpp"

namespace videoroom::worker {

Waiter::Waiter(int descriptor) : events_(pg::call([] { return pg::create_wait_event_set(3); }))
{
    pg::call([&] {
        AddWaitEventToSet(events_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(events_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        AddWaitEventToSet(events_, WL_SOCKET_READABLE, descriptor, nullptr, nullptr);
    });
}

void Waiter::wait(TimestampTz until, long most_ms)
{
    long timeout = std::max(0L, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until));
    if (most_ms >= 0)
        timeout = std::min(timeout, most_ms);
    pg::call([&] {
        WaitEvent event;
        WaitEventSetWait(events_, timeout, &event, 1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    });
}

}  // namespace videoroom::worker
