// The launcher: one worker in each database that has the extension, with no list of databases to keep.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::worker {

// Registers it with the postmaster; called once, by _PG_init under the preload.
void register_launcher();

}  // namespace videoroom::worker

extern "C" PGDLLEXPORT void videoroom_launcher_main(Datum);
