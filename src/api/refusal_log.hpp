// What the server's log says of callbacks that are refused: anybody can post one.
#pragma once

namespace videoroom::api {

// One line a minute in each database, with how many there were since; called once, by _PG_init.
void log_refusals_sparingly();

}  // namespace videoroom::api
