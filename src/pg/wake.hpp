// Waking the worker or the launcher when a transaction that gave it something to do has ended.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::pg {

// The worker of this database, or the launcher if there is none, shall look once this transaction has
// committed, unless it looks before `run_at` anyway. Raises server errors: call it behind call().
void wake_at_commit(TimestampTz run_at);

// The launcher shall look at the databases again once this transaction has ended, in whatever way. Raises
// server errors.
void wake_launcher_at_end();

}  // namespace videoroom::pg
