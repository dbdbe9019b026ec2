// Commands that concern workers: DROP DATABASE needs them gone, others tell the launcher what is new.
#pragma once

namespace videoroom::worker {

// Installs the hooks; called once, by _PG_init under the preload.
void watch_ddl();

}  // namespace videoroom::worker
