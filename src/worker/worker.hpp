// The worker of one database, as a process.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::worker {

// Asks for a worker for a database, on behalf of the launcher. False: the server has no worker slot left.
bool start_worker(Oid database, BackgroundWorkerHandle **handle);

}  // namespace videoroom::worker

extern "C" PGDLLEXPORT void videoroom_worker_main(Datum database);
