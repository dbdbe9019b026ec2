// Commands that concern workers: some want a database without connections, and all that make, change or
// drop a database or the extension tell the launcher.
#pragma once

namespace videoroom::worker {

// Installs the hooks; called once, by _PG_init under the preload.
void watch_ddl();

}  // namespace videoroom::worker
