// A database's slot in shared memory, from the side of the worker that fills it.
#pragma once

#include "pg/shared_state.hpp"

namespace videoroom::worker {

// Makes this process the database's worker, until it exits; nullptr if there is one already, or all slots
// are taken. A second worker in one database is impossible.
pg::shared::Database *take_slot(Oid database);

// The extension is in this database and the worker at work: the launcher may start the next one.
void stand_ready(pg::shared::Database *slot);

// The extension is not in this database: frees the slot when this process exits, unless somebody has called
// for a worker since it last looked.
void give_up_slot();

}  // namespace videoroom::worker
