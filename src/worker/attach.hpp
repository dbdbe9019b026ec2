// A worker and the entry of its database in shared memory.
#pragma once

#include "pg/shared_state.hpp"

namespace videoroom::worker {

// Makes this process the database's worker, until it exits; nullptr if there is one already, or all entries
// are taken. A second worker in one database is impossible.
pg::shared::Database *attach(Oid database);

// The extension is in this database and the worker at work: the launcher may start the next one.
void report_ready(pg::shared::Database *database);

// Tells whoever asks, and whoever waits for a room, why the worker makes no calls; Pause::none: it does.
void show_pause(pg::shared::Database *database, pg::shared::Pause pause);

// The extension is not in this database: frees its entry when this process exits, unless somebody has called
// for a worker since it last looked.
void forget_database();

}  // namespace videoroom::worker
