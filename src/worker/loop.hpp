// What the worker of one database does for as long as it lives.
#pragma once

#include "pg/shared_state.hpp"

namespace videoroom::worker {

// Waits, looks into the database, calls Twilio, records what came of it. Ends by an exception: ExtensionGone
// when the extension has been dropped, others when this process cannot go on and the next one should.
[[noreturn]] void work(pg::shared::Database *database);

}  // namespace videoroom::worker
