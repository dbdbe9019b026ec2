#pragma once

#include <concepts>

#include "pg/guard.hpp"

namespace videoroom::pg {

// Runs f with the triggers that session_replication_role = replica leaves out. A superuser's setting: it is
// put back after f, or where f throws by whoever rolls back.
template <std::invocable F>
void as_origin(F &&f)
{
    if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
        return f();
    int level = call([] {
        int nested = NewGUCNestLevel();
        set_config_option("session_replication_role", "origin", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                          true, 0, false);
        return nested;
    });
    f();
    call([&] { AtEOXact_GUC(true, level); });
}

}  // namespace videoroom::pg
