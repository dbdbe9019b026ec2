// Locks on names of ours, held until the end of the transaction. They are advisory locks of classes that
// pg_advisory_lock() cannot reach, so that nobody but this extension can hold one.
#pragma once

#include <string_view>

#include "pg/postgres.hpp"

namespace videoroom::pg {

// pg_locks.objsubid; 1 and 2 are pg_advisory_lock()'s.
enum class LockClass : uint16 { booking = 3, callback = 4 };

// Waits for whoever holds it. One transaction may hold some thousands: more are refused with 54000. Raises
// server errors: call it behind call().
void lock_name(LockClass lock_class, std::string_view name);

}  // namespace videoroom::pg
