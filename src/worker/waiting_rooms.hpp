// Rooms that joins wait for.
#pragma once

#include "pg/shared_state.hpp"
#include "worker/patience.hpp"

namespace videoroom::worker {

// Sees to it that each has a row of the outbox that is due. Gives when to come again, for those that somebody
// holds; DT_NOEND if there are none.
TimestampTz ask_for_waiting_rooms(pg::shared::Database *database, Patience &patience);

}  // namespace videoroom::worker
